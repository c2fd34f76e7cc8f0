# expect: 0
# A batched LSTM with one matrix and its bias as a row of it.
import numpy as np
# batched LSTM gist style: one matrix WLSTM with bias row
np.random.seed(0)
n, b, input_size, hidden_size = 4, 2, 3, 5
inputs = {"X": np.random.randn(n, b, input_size), "WLSTM": np.random.randn(input_size + hidden_size + 1, 4 * hidden_size) / np.sqrt(input_size + hidden_size),
          "c0": np.random.randn(b, hidden_size), "h0": np.random.randn(b, hidden_size)}
class LSTM:
    @staticmethod
    def forward(X, WLSTM, c0=None, h0=None):
        n, b, input_size = X.shape
        d = WLSTM.shape[1] // 4
        xphpb = WLSTM.shape[0]
        dt = X.dtype
        Hin = np.zeros((n, b, xphpb), dt); Hout = np.zeros((n, b, d), dt); IFOG = np.zeros((n, b, d * 4), dt)
        IFOGf = np.zeros((n, b, d * 4), dt); C = np.zeros((n, b, d), dt); Ct = np.zeros((n, b, d), dt)
        for t in range(n):
            prevh = Hout[t - 1] if t > 0 else h0
            Hin[t, :, 0] = 1
            Hin[t, :, 1:input_size + 1] = X[t]
            Hin[t, :, input_size + 1:] = prevh
            IFOG[t] = Hin[t].dot(WLSTM)
            IFOGf[t, :, :3 * d] = 1.0 / (1.0 + np.exp(-IFOG[t, :, :3 * d]))
            IFOGf[t, :, 3 * d:] = np.tanh(IFOG[t, :, 3 * d:])
            prevc = C[t - 1] if t > 0 else c0
            C[t] = IFOGf[t, :, :d] * IFOGf[t, :, 3 * d:] + IFOGf[t, :, d:2 * d] * prevc
            Ct[t] = np.tanh(C[t])
            Hout[t] = IFOGf[t, :, 2 * d:3 * d] * Ct[t]
        return Hout, (WLSTM, Hout, IFOGf, IFOG, C, Ct, Hin, c0, h0)
    @staticmethod
    def backward(dHout_in, cache):
        WLSTM, Hout, IFOGf, IFOG, C, Ct, Hin, c0, h0 = cache
        n, b, d = Hout.shape
        input_size = WLSTM.shape[0] - d - 1
        dIFOG = np.zeros_like(IFOG); dIFOGf = np.zeros_like(IFOGf); dWLSTM = np.zeros_like(WLSTM)
        dHin = np.zeros_like(Hin); dC = np.zeros_like(C); dX = np.zeros((n, b, input_size), Hin.dtype)
        dh0 = np.zeros_like(h0); dc0 = np.zeros_like(c0)
        dHout = dHout_in.copy()
        for t in reversed(range(n)):
            dIFOGf[t, :, 2 * d:3 * d] = Ct[t] * dHout[t]
            dC[t] += (1 - Ct[t] ** 2) * (IFOGf[t, :, 2 * d:3 * d] * dHout[t])
            if t > 0:
                dIFOGf[t, :, d:2 * d] = C[t - 1] * dC[t]
                dC[t - 1] += IFOGf[t, :, d:2 * d] * dC[t]
            else:
                dIFOGf[t, :, d:2 * d] = c0 * dC[t]
                dc0 = IFOGf[t, :, d:2 * d] * dC[t]
            dIFOGf[t, :, :d] = IFOGf[t, :, 3 * d:] * dC[t]
            dIFOGf[t, :, 3 * d:] = IFOGf[t, :, :d] * dC[t]
            dIFOG[t, :, 3 * d:] = (1 - IFOGf[t, :, 3 * d:] ** 2) * dIFOGf[t, :, 3 * d:]
            y = IFOGf[t, :, :3 * d]
            dIFOG[t, :, :3 * d] = (y * (1.0 - y)) * dIFOGf[t, :, :3 * d]
            dWLSTM += np.dot(Hin[t].transpose(), dIFOG[t])
            dHin[t] = dIFOG[t].dot(WLSTM.transpose())
            dX[t] = dHin[t, :, 1:input_size + 1]
            if t > 0:
                dHout[t - 1, :] += dHin[t, :, input_size + 1:]
            else:
                dh0 += dHin[t, :, input_size + 1:]
        return dX, dWLSTM, dc0, dh0
def forward(i): return LSTM.forward(**i)[0]
def backward(i, dH):
    _, cache = LSTM.forward(**i)
    dX, dW, dc0, dh0 = LSTM.backward(dH, cache)
    return {"X": dX, "WLSTM": dW, "c0": dc0, "h0": dh0}
