"""What a person decided of pictures, remembered by content."""
