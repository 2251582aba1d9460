"""SMS carriers that are called over HTTP: one file each; what they have in common lies beside them."""
