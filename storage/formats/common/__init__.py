"""What the formats share: rows, safe reading, masks, grids."""
