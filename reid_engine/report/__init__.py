"""Reports for people, made from the same JSON that machines get."""
