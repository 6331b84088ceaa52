"""Claims: each is bound to a volume that holds its data, or refused."""

from relight.recovery.transforms import Action
from relight.recovery.volumes import volume_name
from tests.recovery.forms import quarantined_form, released_form, restored
from tests.recovery.shop import (
    backup,
    claim,
    namespace,
)


def test_a_claim_is_bound_to_a_volume_that_holds_its_data() -> None:
    found = restored(claim(spec={"volumeName": "pvc-123", "dataSource": {"name": "snapshot"}}))
    bound, volume = released_form(found["PersistentVolumeClaim/ledger"]), found["PersistentVolume/relight-shop-ledger"]
    assert bound["spec"]["volumeName"] == "relight-shop-ledger" and bound["spec"]["storageClassName"] == ""
    assert "dataSource" not in bound["spec"]
    spec = quarantined_form(volume)["spec"]
    assert spec["claimRef"]["name"] == "ledger" and spec["claimRef"]["namespace"] == "shop"
    assert spec["hostPath"] == {"path": "$DATA_DIR/volumes/shop/ledger", "type": "Directory"}
    assert spec["storageClassName"] == "" and spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert volume.wave < found["PersistentVolumeClaim/ledger"].wave


def test_a_claim_whose_data_is_missing_is_refused_rather_than_restored_empty() -> None:
    item = restored(claim("uploads"))["PersistentVolumeClaim/uploads"]
    assert item.action == Action.REFUSE and "no data" in item.reason


def test_a_claim_that_never_had_a_volume_comes_back_empty() -> None:
    found = restored(claim("uploads", status={"phase": "Pending"}))
    assert (
        quarantined_form(found["PersistentVolume/relight-shop-uploads"])["spec"]["hostPath"]["type"] == "DirectoryOrCreate"
    )


def test_the_older_form_of_a_backup_does_not_list_its_volumes() -> None:
    older = backup(schema_version=0, volumes=[], namespace="", images=[])
    assert restored(namespace(), claim("uploads"), backup=older)["PersistentVolumeClaim/uploads"].object is not None


def test_a_volumes_name_stays_within_what_the_api_accepts() -> None:
    names = [volume_name("shop", "c" * 250 + end) for end in ("a", "b")]
    assert all(len(name) <= 253 for name in names) and names[0] != names[1]
    assert volume_name("shop", "ledger") == "relight-shop-ledger"
