"""Models written once more in torch, for comparison; a test holds them to ours."""
