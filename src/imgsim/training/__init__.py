"""Training of networks on a user's own folder, with images held out to measure them."""
