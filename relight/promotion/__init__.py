"""What makes a runner production, and is no more: small kinds of action, each with plan, do, verify and undo."""
