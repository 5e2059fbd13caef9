"""
Compression with 25 colours
===========================

An image of 25 colours needs a palette and a small number per pixel instead of three bytes. How
much does that save in a file, and what does it cost in quality?
"""

import io

import matplotlib.pyplot as plt
from PIL import Image
from sklearn.datasets import load_sample_image

from clusterx import quantize
from clusterx.image import compare

photo = load_sample_image("china.jpg")  # cupy.asarray(...) quantises it on a GPU

# %%
# 25 colours fit into five bits, and PNG compresses what remains.
result = quantize(photo, 25, random_state=0)
plain = io.BytesIO()
Image.fromarray(load_sample_image("china.jpg")).save(plain, "png")
print(f"pixels as bytes:   {photo.nbytes / 1024:5.0f} KiB")
print(f"PNG of the photo:  {len(plain.getvalue()) / 1024:5.0f} KiB")
print(f"PNG of 25 colours: {len(result.to_png()) / 1024:5.0f} KiB")

# %%
# Dithering mixes colours from neighbouring pixels. It hides the steps in the sky, costs some
# bytes, and raises the error of single pixels: the eye, not the mean squared error, is its judge.
dithered = quantize(photo, 25, dither="floyd-steinberg", random_state=0)
fig, axes = plt.subplots(1, 3, figsize=(11, 4.2), layout="constrained")
pictures = {"Photo": photo, "25 colours": result.image, "25 colours, dithered": dithered.image}
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(picture[40:260, 250:450])
    ax.set(xticks=[], yticks=[], title=title)
print(f"PNG, dithered:     {len(dithered.to_png()) / 1024:5.0f} KiB")

# %%
# Size against quality.
print("colours  KiB    PSNR   SSIM")
for k in (4, 8, 16, 25, 64, 256):
    small = quantize(photo, k, random_state=0)
    quality = compare(photo, small.image)
    print(f"{k:7} {len(small.to_png()) / 1024:4.0f} {quality.psnr:7.2f} {quality.ssim:6.3f}")

plt.show()
