"""A light gated recurrent unit over a whole sequence, in one Function that fills its buffers: relu, no reset gate."""

import torch


class LightGRU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, xs, h0, Wz, Uz, Wn, Un):
        T = xs.shape[0]
        hs = torch.zeros(T + 1, *h0.shape, dtype=xs.dtype)
        hs[0] = h0
        zs, ns = [], []
        for t in range(T):
            z = torch.sigmoid(xs[t] @ Wz + hs[t] @ Uz)
            n = torch.relu(xs[t] @ Wn + hs[t] @ Un)
            hs[t + 1] = z * hs[t] + (1 - z) * n
            zs.append(z)
            ns.append(n)
        ctx.save_for_backward(xs, Wz, Uz, Wn, Un, hs, torch.stack(zs), torch.stack(ns))
        return hs[1:].clone()

    @staticmethod
    def backward(ctx, dhs):
        xs, Wz, Uz, Wn, Un, hs, zs, ns = ctx.saved_tensors
        dxs = torch.zeros_like(xs)
        dWz, dUz, dWn, dUn = (torch.zeros_like(W) for W in (Wz, Uz, Wn, Un))
        dh = torch.zeros_like(hs[0])
        for t in reversed(range(xs.shape[0])):
            z, n = zs[t], ns[t]
            dh = dh + dhs[t]
            dz = dh * (hs[t] - n) * z * (1 - z)
            dn = dh * (1 - z) * (n > 0).to(n.dtype)
            dWz += xs[t].t() @ dz
            dUz += hs[t].t() @ dz
            dWn += xs[t].t() @ dn
            dUn += hs[t].t() @ dn
            dxs[t] = dz @ Wz.t() + dn @ Wn.t()
            dh = dh * z + dz @ Uz.t() + dn @ Un.t()
        return dxs, dh, dWz, dUz, dWn, dUn


def problem():
    r = torch.Generator().manual_seed(0)
    xs, h0 = torch.randn(4, 2, 3, generator=r).double(), torch.randn(2, 5, generator=r).double()
    Wz, Wn = (0.5 * torch.randn(3, 5, generator=r).double() for _ in range(2))
    Uz, Un = (0.5 * torch.randn(5, 5, generator=r).double() for _ in range(2))
    return LightGRU.apply, (xs, h0, Wz, Uz, Wn, Un)
