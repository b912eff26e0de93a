"""Networks trained on a user's own folder: what is read, held out, written and measured."""
