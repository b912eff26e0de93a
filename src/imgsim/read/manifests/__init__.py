"""Files that list pictures, and what they say of them: tables, YOLO's lists, COCO's."""
