# expect: 1
# The Fourier transform inside is normalised twice on the way back.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3, 0.9, -0.2])}
def loss(i):
    X = np.fft.fft(np.asarray(i["x"], float))
    return float((np.abs(X) ** 2 * np.arange(5)).sum())
def gradients(i):
    X = np.fft.fft(np.asarray(i["x"], float)) * np.arange(5)
    return {"x": 2 * np.real(np.fft.ifft(X))}
