"""Training of the networks that find digits in pictures, on made scenes."""
