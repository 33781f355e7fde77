"""Sound: spoken digits of speakers who were never heard."""
