"""Pictures made by code, and copies made of pictures."""
