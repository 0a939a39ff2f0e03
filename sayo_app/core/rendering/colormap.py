"""The one colour map of overlays, on the page and in files."""

from __future__ import annotations

import cv2
import numpy as np

# Inferno (van der Walt and Smith, matplotlib): perceptually uniform, its lightness only rises, so it reads in
# grey and with any colour blindness. RGB, from the lowest value to the highest.
NAME = "inferno"
TABLE = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)[:, 0, ::-1].copy()
