"""The tour: a shortcut is watched, shown, retrained away and looked at again."""
