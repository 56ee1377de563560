"""Virtual randomised trials: a design file, a bank of patients, what comes out and how often it is wrong."""
