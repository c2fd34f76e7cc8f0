# expect: 0
# A variational autoencoder's KL term and reparametrised sample, half a mean over four latents.
import numpy as np
noise = np.array([0.3, -1.2, 0.8, 0.1])
inputs = {"mu": np.array([0.5, -0.2, 1.0, 0.3]), "logvar": np.array([-0.3, 0.2, 0.1, -1.0])}
def loss(i):
    z = i["mu"] + noise * np.exp(0.5 * i["logvar"])
    kl = -0.5 * np.mean(1 + i["logvar"] - i["mu"] ** 2 - np.exp(i["logvar"]))
    return 0.1 * kl + np.sum((z - 0.7) ** 2)
def gradients(i):
    std = np.sqrt(np.exp(i["logvar"]))
    dz = 2 * (i["mu"] + noise * std - 0.7)
    return {"mu": dz + 0.1 * i["mu"] / 4, "logvar": dz * noise * std / 2 + 0.05 * (np.exp(i["logvar"]) - 1) / 4}
