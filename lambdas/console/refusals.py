"""Which HTTP status an error is, for the API and the pages alike."""

from relight import errors
from relight.errors import RelightError, RetryableError, UserError

STATUSES: dict[type[RelightError], int] = {
    errors.NotSignedIn: 401,
    errors.RunNotFound: 404,
    errors.UnknownApp: 404,
    errors.NotChecked: 404,
    errors.PageNotFound: 404,
    errors.ObjectNotFound: 404,
    errors.NotPermitted: 403,
    errors.RoleMissing: 403,
    errors.ForeignRequest: 403,
    errors.SelfApproval: 403,
    errors.NotAnApprover: 403,
    errors.AlreadyDecided: 409,
    errors.EvidenceDrifted: 409,
    errors.NothingToDecide: 409,
    errors.RunInProgress: 409,
    errors.NothingHeld: 409,
    errors.TaskGone: 409,
    errors.Diverged: 409,
    errors.PrimaryNotReady: 409,
    errors.RunnerGone: 409,
    errors.ApprovalExpired: 410,
    errors.LinkSpent: 410,
    errors.Throttled: 429,
}


def status(error: RelightError) -> int:
    """4xx where the caller can do something about it, 503 where waiting helps, else 500."""
    found = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), None)
    return found or (400 if isinstance(error, UserError) else 503 if isinstance(error, RetryableError) else 500)
