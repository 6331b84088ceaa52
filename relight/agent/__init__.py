"""What runs on the runner: pulls its order and tasks, restores, validates, promotes, freezes, and answers."""
