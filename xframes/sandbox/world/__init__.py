"""What exists in the local X: people, posts and all they carry, invented by seed."""
