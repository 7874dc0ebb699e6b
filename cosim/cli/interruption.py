"""What the command line says after an interrupt."""

SENTENCE = "interrupted; the same command continues where it stopped"
STATUS = 130
"""Exit status, as shells report it: 128 + SIGINT."""
