"""Text from files, as numbers: readers, vocabularies, splits; and generated corpora."""
