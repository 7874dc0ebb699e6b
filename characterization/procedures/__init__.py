"""One file per procedure; importing a module registers its procedure (see `characterization.procedure`)."""
