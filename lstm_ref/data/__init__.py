"""Text from files, as numbers: readers, vocabularies, splits; and corpora that are made, not read."""
