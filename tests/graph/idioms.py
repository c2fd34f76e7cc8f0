"""Recurrent code as people write it in NumPy, one idiom per line: which must be traced, and which must be refused.

`¦` ends a line of code. x is (4,), A (3, 4), B (4, 4), c (4, 1), s a number, all inputs; `buf` (3, 4), `mask` (4,) and
`count` belong to the module.
"""

TRACED = """
# ------------------------------------------------------------------------------------------------ elementwise
add to a number: return np.sum(x + 1)
number on the left: return np.sum(2.0 - x)
reflected division: return np.sum(1.0 / (3 + x))
power two: return np.sum(x ** 2)
power three: return np.sum(x ** 3)
power half: return np.sum((x * x + 1) ** 0.5)
power minus one: return np.sum((x + 3) ** -1)
power of a base: return np.sum(2.0 ** x)
power of two arrays: return np.sum((x * x + 1) ** x)
negative: return np.sum(-x * x)
positive: return np.sum(+x * x)
abs builtin: return np.sum(abs(x))
np.abs: return np.abs(x).sum()
np.absolute: return np.absolute(x).sum()
floor division: return np.sum(x * (x // 0.37))
modulo: return np.sum(x * ((x + 5) % 0.73))
divmod of arrays: q, r = divmod(x + 5, 0.73) ¦ return np.sum(r * x)
sigmoid by exp: return np.sum(1 / (1 + np.exp(-x)))
sigmoid by tanh: return np.sum(0.5 * (1 + np.tanh(x / 2)))
sigmoid by where: return np.sum(np.where(x >= 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x))))
sigmoid by expit: return np.sum(special.expit(x))
expit imported: return np.sum(expit(x))
log_expit: return np.sum(special.log_expit(x))
logit of a sigmoid: return np.sum(special.logit(expit(x)) ** 2)
erf: return np.sum(special.erf(x))
scipy softmax: return np.sum(special.softmax(A, axis=1) * B[:3])
scipy log_softmax: return np.sum(special.log_softmax(A, axis=1) * B[:3])
scipy logsumexp: return special.logsumexp(x)
scipy logsumexp of an axis: return np.sum(special.logsumexp(A, axis=1) ** 2)
scipy logsumexp keepdims: return np.sum(special.logsumexp(A, axis=1, keepdims=True) ** 2)
xlogy: return np.sum(special.xlogy(x * x, x * x + 1))
entr and rel_entr: return np.sum(special.entr(x * x) + special.rel_entr(x * x + 1, 2.0))
ndtr: return np.sum(x * special.ndtr(x))
gammaln: return np.sum(special.gammaln(x * x + 1))
tanh: return np.tanh(x).sum()
relu by maximum: return np.maximum(0, x).sum()
relu by maximum reversed: return np.maximum(x, 0.0).sum()
relu by mask: return np.sum(x * (x > 0))
relu by where: return np.where(x > 0, x, 0).sum()
relu in place by mask: y = x.copy() ¦ y[y < 0] = 0 ¦ return np.sum(y * y)
leaky relu: return np.sum(np.where(x > 0, x, 0.01 * x))
elu: return np.sum(np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1))
hard sigmoid by clip: return np.sum(np.clip(0.2 * x + 0.5, 0, 1))
hard tanh by method: return np.sum(x.clip(-1, 1) * x)
minimum and maximum: return np.sum(np.minimum(1, np.maximum(-1, x)) * x)
gelu: return np.sum(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3))))
gelu by erf: return np.sum(0.5 * x * (1 + special.erf(x / np.sqrt(2))))
softplus by log1p: return np.sum(np.log1p(np.exp(x)))
softplus by logaddexp: return np.sum(np.logaddexp(0, x))
swish: return np.sum(x / (1 + np.exp(-x)))
expm1: return np.sum(np.expm1(x))
log of a square: return np.sum(np.log(x ** 2 + 1))
log2 and log10: return np.sum(np.log2(x * x + 2) + np.log10(x * x + 3))
exp2: return np.sum(np.exp2(x))
sqrt: return np.sum(np.sqrt(x * x + 0.1))
cbrt: return np.sum(np.cbrt(x + 3))
square: return np.sum(np.square(x))
reciprocal: return np.sum(np.reciprocal(x + 3))
sin, cos, tan: return np.sum(np.sin(x) + np.cos(x) * np.tan(0.3 * x))
arc functions: return np.sum(np.arctan(x) + np.arcsin(0.1 * x) + np.arccos(0.1 * x))
hyperbolic: return np.sum(np.sinh(x) + np.cosh(x) + np.arcsinh(x))
arctan2: return np.sum(np.arctan2(x, x * x + 1))
hypot: return np.sum(np.hypot(x, 2.0))
sign: return np.sum(np.sign(x) * x)
copysign: return np.sum(np.copysign(x, 1.0))
floor and ceil: return np.sum(x * np.floor(x) + x * np.ceil(x))
round and rint: return np.sum(x * np.round(x) + x * np.rint(x))
deg2rad: return np.sum(np.sin(np.deg2rad(x)))
heaviside by comparison: return np.sum((x > 0).astype(float) * x ** 2)
float mask of a comparison: return np.sum((x > 0) * 1.0 * x ** 2)
nan_to_num: return np.sum(np.nan_to_num(x) ** 2)
sinc: return np.sum(np.sinc(x))
ufunc with out: y = np.empty_like(x) ¦ np.tanh(x, out=y) ¦ return np.sum(y * x)
ufunc with out given by place: y = np.empty(4) ¦ np.multiply(x, x, y) ¦ return y.sum()
ufunc with out of itself: y = x.copy() ¦ np.exp(y, out=y) ¦ return y.sum()
ufunc with out a view: H = np.zeros((3, 4)) ¦ np.tanh(x, out=H[1]) ¦ return np.sum(H * A)
ufunc with where and out: y = np.ones(4) ¦ np.multiply(x, x, out=y, where=mask) ¦ return np.sum(y * x)
# -------------------------------------------------------------------------------------------------- reductions
sum: return x.sum()
sum of an axis: return (A.sum(axis=0) ** 2).sum()
sum of a negative axis: return (A.sum(-1) ** 2).sum()
sum of two axes: return A.sum(axis=(0, 1)) ** 2
sum with keepdims: return np.sum(A / (4 + A.sum(axis=1, keepdims=True)))
sum into out: y = np.zeros(4) ¦ np.sum(A, axis=0, out=y) ¦ return np.sum(y * x)
sum of a masked array: return np.sum(A, where=A > 0)
sum of a list: return sum([s, s * s, x[0]])
sum of a generator: return sum(v * v for v in x)
sum of arrays: return np.sum(sum(row for row in A) ** 2)
np.add.reduce: return np.add.reduce(A * A, axis=0).sum()
mean: return (x ** 2).mean()
mean of an axis: return np.sum(np.mean(A, axis=1) ** 3)
average with weights: return np.average(x, weights=x ** 2)
var and std: return x.var() + x.std()
std of an axis: return A.std(axis=0).sum()
std with ddof: return np.std(x, ddof=1)
layer norm: return np.sum((A - A.mean(1, keepdims=True)) / (A.std(1, keepdims=True) + 1e-5) * B[:3])
max: return x.max() * x.sum()
max of an axis: return np.sum(A.max(axis=1) ** 2)
np.max and np.min: return np.max(x) * np.min(x)
amax: return np.amax(x) ** 2
builtin max: return max(x[0], x[1]) * x[2]
builtin min of an array: return min(x) * x[2]
ptp: return np.ptp(x)
prod: return np.prod(x + 2)
norm: return np.linalg.norm(x)
norm of an axis: return np.sum(np.linalg.norm(A, axis=1))
norm of a matrix: return np.linalg.norm(A)
norm one: return np.linalg.norm(x, 1)
norm infinity: return np.linalg.norm(x, np.inf)
clip by norm: n = np.linalg.norm(x) ¦ return np.sum(x * x[0]) if n < 0.1 else np.sum(x / n * x[0])
cumsum: return np.sum(np.cumsum(x) ** 2)
cumsum of an axis: return np.sum(A.cumsum(axis=1) ** 2)
cumprod: return np.sum(np.cumprod(x + 2))
maximum.accumulate: return np.sum(np.maximum.accumulate(x) * B[0])
diff: return np.sum(np.diff(x) ** 2)
nanmean: return np.nanmean(x * x) + np.sum(np.nanmean(A, axis=0) ** 2)
trapezoid: return np.trapezoid(A[0] * x, x) + np.sum(np.trapezoid(A, dx=0.5) ** 2)
polyval: return np.polyval(A[0], s)
trace: return np.trace(B) ** 2
median: return np.median(x) ** 2
softmax: e = np.exp(x - x.max()) ¦ return -np.log((e / e.sum())[2])
softmax without shift: p = np.exp(x) / np.sum(np.exp(x)) ¦ return -np.log(p[1])
log softmax of rows: z = A - A.max(1, keepdims=True) ¦ z = z - np.log(np.exp(z).sum(1, keepdims=True)) ¦ return -z[np.arange(3), [0, 2, 1]].mean()
cross entropy by one hot: y = np.eye(4)[[0, 2, 1]] ¦ p = np.exp(A) / np.exp(A).sum(axis=1, keepdims=True) ¦ return -np.sum(y * np.log(p + 1e-9))
nansum: return np.nansum(x * x)
# ---------------------------------------------------------------------------------------------------- products
matmul: return np.sum(A @ x)
matmul of matrices: return np.sum(A @ B)
np.dot: return np.sum(np.dot(A, x))
dot method: return A.dot(B).sum()
dot of vectors: return x.dot(x)
dot with a column: return np.sum(np.dot(A, c))
dot with out: y = np.zeros(3) ¦ np.dot(A, x, out=y) ¦ return np.sum(y ** 2)
column times row: return np.sum(c @ c.T)
a batch of products: return np.sum(np.matmul(A[:, None, :], B))
a batch of vectors: return np.sum(np.stack([A, A * 2]) @ x)
transposed product: return np.sum(A.T @ A)
vector times matrix: return np.sum((x @ B) ** 2)
module's data times an input: return np.sum(buf.dot(x))
module's data by the operator: return np.sum((buf @ B) ** 2)
outer: return np.sum(np.outer(x, A[0]) * B)
np.multiply.outer: return np.sum(np.multiply.outer(x, x))
inner: return np.inner(x, x)
vdot: return np.vdot(A, A)
einsum: return np.sum(np.einsum("ij,jk->ik", A, B) ** 2)
einsum of a trace: return np.einsum("ii", B) ** 2
einsum of three: return np.einsum("ij,jk,k->", A, B, x)
einsum of a batch: return np.sum(np.einsum("bi,bj->bij", A, A))
tensordot: return np.sum(np.tensordot(A, B, axes=1))
tensordot with axes: return np.sum(np.tensordot(A, A, axes=([0], [0])))
kron: return np.sum(np.kron(A, A) ** 2)
multi_dot: return np.sum(np.linalg.multi_dot([A, B, c]))
solve: return np.sum(np.linalg.solve(B + 4 * np.eye(4), x))
inverse: return np.sum(np.linalg.inv(B + 4 * np.eye(4)) ** 2)
determinant: return np.linalg.det(B + 4 * np.eye(4))
solve of a matrix: return np.sum(np.linalg.solve(B + 4 * np.eye(4), A.T) ** 2)
inverses of a batch: return np.sum(np.linalg.inv(np.stack([B, B.T]) + 4 * np.eye(4)) ** 2)
logarithm of a determinant: return np.linalg.slogdet(B + 4 * np.eye(4))[1]
cholesky: return np.sum(np.linalg.cholesky(B @ B.T + np.eye(4)) ** 3)
matrix_power: return np.sum(np.linalg.matrix_power(B, 3)) + np.sum(np.linalg.matrix_power(B + 4 * np.eye(4), -2))
norm three: return np.linalg.norm(x, 3) + np.sum(np.linalg.norm(A, 1.5, axis=1))
names of NumPy 2 in linalg: return np.linalg.vector_norm(x) + np.sum(np.linalg.vecdot(A, x) ** 2) + np.sum(np.linalg.outer(x, x) ** 2)
HiPPO's matrix discretised: Z = np.linalg.solve(np.eye(4) - s / 2 * B, np.eye(4) + s / 2 * B) ¦ return np.sum((Z @ x) ** 2)
Cayley's orthogonal matrix: S = B - B.T ¦ return np.sum((np.linalg.inv(np.eye(4) + S) @ (np.eye(4) - S) @ x) * A[0])
scipy expm: return np.sum((linalg.expm(s * B) @ x) ** 2)
expm of a skew matrix: h = x ¦ for a in A: h = np.tanh(expm(B - B.T) @ h + a) ¦ return np.sum(h ** 2)
zero-order hold by expm: M = np.zeros((5, 5)) ¦ M[:4, :4] = s * B ¦ M[:4, 4] = x ¦ return np.sum(expm(M)[:4, 4] ** 2)
scipy inv and solve: return np.sum(linalg.inv(B + 4 * np.eye(4))) + np.sum(linalg.solve(B + 4 * np.eye(4), x) ** 2)
scipy solve_triangular: return np.sum(linalg.solve_triangular(B + 4 * np.eye(4), x, lower=True) ** 2)
scipy cholesky and det: return np.sum(linalg.cholesky(B @ B.T + np.eye(4), lower=True) ** 3) + linalg.det(B + 4 * np.eye(4))
toeplitz: return np.sum((linalg.toeplitz(x) @ x) ** 2) + np.sum((linalg.toeplitz(x[:3], A[0]) @ x) ** 2)
circulant: return np.sum((linalg.circulant(x) @ A[0]) ** 2)
block_diag: return np.sum((linalg.block_diag(A, c) @ np.append(x, s)) ** 3)
lfilter: return np.sum(signal.lfilter([1.0], [1.0, 0.5], x) ** 2)
lfilter of learnt coefficients: return np.sum(signal.lfilter(x[:3], np.array([2.0, s, x[3]]), A, axis=0) ** 2)
fftconvolve: return np.sum(signal.fftconvolve(x, A[0]) ** 2) + np.sum(signal.convolve(x, A[1, :2], "valid") ** 2)
convolve: return np.sum(np.convolve(x, A[0]) ** 2)
correlate: return np.sum(np.correlate(x, A[0, :2], "same") ** 2)
windows: return np.sum((np.lib.stride_tricks.sliding_window_view(A, (2, 2)) * x[0]) ** 2)
convolve valid: return np.sum(np.convolve(x, A[0, :2], mode="valid") ** 2)
cross: return np.sum(np.cross(x[:3], A[0, :3]) ** 2)
# ----------------------------------------------------------------------------------------------------- shapes
transpose: return np.sum(A.T * B[:, :3])
transpose with axes: return np.sum(np.transpose(A[None], (2, 0, 1))[:, 0] * B[:, :3])
reshape: return np.sum(A.reshape(4, 3)[1] ** 2)
reshape with minus one: return np.sum(A.reshape(-1)[5] * x)
reshape to a column: return np.sum(x.reshape(-1, 1) * c)
reshape in Fortran's order: return np.sum(A.reshape(4, 3, order="F")[1] ** 2)
np.reshape: return np.sum(np.reshape(A, (2, 6))[1] ** 2)
ravel: return np.sum(A.ravel()[3:7] ** 2)
flatten: return np.sum(A.flatten()[::2] ** 2)
new axis: return np.sum(x[:, None] * x[None, :])
np.newaxis: return np.sum(x[:, np.newaxis] * c)
expand_dims: return np.sum(np.expand_dims(x, 1) * c)
squeeze: return np.sum(c.squeeze() * x)
np.squeeze of an axis: return np.sum(np.squeeze(c, axis=1) * x)
atleast_2d: return np.sum(np.atleast_2d(x) @ B)
swapaxes: return np.sum(A.swapaxes(0, 1) * B[:, :3])
moveaxis: return np.sum(np.moveaxis(A[None], 2, 0) ** 2 * 3)
concatenate: return np.sum(np.concatenate([x, A[0]]) ** 2)
concatenate columns: return np.sum(np.concatenate((c, c * c), axis=0) ** 2)
concatenate with zeros: return np.sum(np.concatenate([np.zeros(2), x]) ** 2)
hstack: return np.sum(np.hstack([x, A[0], [1.0]]) ** 2)
vstack: return np.sum(np.vstack([x, A]) ** 2)
vstack of columns: return np.sum(np.vstack((c, c, np.ones((1, 1)))) ** 2)
row_stack of states: hs = [] ¦ h = x ¦ for t in range(3): h = np.tanh(B @ h); hs.append(h) ¦ return np.sum(np.vstack(hs) * A)
stack: return np.sum(np.stack([x, A[0]], axis=1) ** 2)
column_stack: return np.sum(np.column_stack([x, A[0]]) ** 2)
dstack: return np.sum(np.dstack([A, A * A]) ** 2)
append: return np.sum(np.append(x, 1.0) ** 2)
np.c_: return np.sum(np.c_[x, A[0]] ** 2)
np.r_: return np.sum(np.r_[x, A[0]] ** 2)
np.block: return np.sum(np.block([[A], [B]]) ** 2)
split: a, b = np.split(x, 2) ¦ return np.sum(a * b)
split of gates: i, f, g, o = np.split(A @ B, 4, axis=1) ¦ return np.sum(i * f + g * o)
split at places: a, b = np.split(x, [1]) ¦ return a[0] * b.sum()
array_split: a, b, d = np.array_split(x, 3) ¦ return a.sum() * b[0] * d[0]
hsplit and vsplit: a, b = np.hsplit(B, 2) ¦ u, v = np.vsplit(a, 2) ¦ return np.sum(u * v) + b.sum()
tile: return np.sum(np.tile(x, (3, 1)) * A)
repeat: return np.sum(np.repeat(x, 2) ** 2)
repeat of an axis: return np.sum(np.repeat(A, 2, axis=0) ** 2)
roll: return np.sum(np.roll(x, 1) * x)
flip: return np.sum(np.flip(x) * x)
reversed slice: return np.sum(x[::-1] * x)
reversed iteration: h = 0 ¦ for row in reversed(A): h = np.tanh(row + h) ¦ return np.sum(h)
fliplr and flipud: return np.sum(np.fliplr(A) * np.flipud(A))
pad: return np.sum(np.pad(x, 1) ** 2)
pad of one side: return np.sum(np.pad(A, ((1, 0), (0, 0)))[:3] * A)
pad with a value: return np.sum(np.pad(x, (0, 2), constant_values=3.0) ** 2)
pad at the edge: return np.sum(np.pad(x, 2, mode="edge") ** 2)
broadcast_to: return np.sum(np.broadcast_to(x, (3, 4)) * A)
diag of a vector: return np.sum(np.diag(x) @ B)
diag of a matrix: return np.sum(np.diag(B) * x)
diagonal method: return np.sum(B.diagonal() * x)
triu: return np.sum(np.triu(B) ** 2)
tril of one: return np.sum(np.tril(B, -1) ** 2)
rot90: return np.sum(np.rot90(A) * B[:, :3])
delete: return np.sum(np.delete(x, 1) ** 2)
take: return np.sum(np.take(x, [0, 2, 2]) ** 2)
take method: return np.sum(A.take([1, 0], axis=0) ** 2)
take_along_axis: k = np.argmax(A, axis=1)[:, None] ¦ return np.sum(np.take_along_axis(A, k, 1) ** 2)
# ---------------------------------------------------------------------------------------------------- indexing
element: return x[1] * x[-1]
element of a matrix: return A[1, 2] * A[-1, -1]
element twice: return A[1][2] ** 2
slice: return np.sum(x[1:3] ** 2)
slice with a step: return np.sum(x[::2] ** 2)
slice of columns: return np.sum(A[:, 1:] ** 2)
ellipsis: return np.sum(A[..., 0] ** 2)
fancy rows: return np.sum(A[[0, 2, 2]] ** 2)
fancy pairs: return np.sum(A[np.arange(3), [0, 2, 1]] ** 2)
np.ix_: return np.sum(A[np.ix_([0, 2], [1, 3])] ** 2)
mask: return np.sum(x[mask] ** 2)
mask of a comparison: return np.sum(x[x > 0] ** 2)
embedding lookup: return np.sum(B[[3, 1, 3]] @ x)
one-hot times matrix: v = np.zeros((4, 1)) ¦ v[2] = 1 ¦ return np.sum(B @ v * c)
argmax as index: return x[np.argmax(x)] * x[0]
argmax method: return x[x.argmax()] ** 2
argsort: return np.sum(x[np.argsort(x)] * B[0])
sort: return np.sum(np.sort(x) * B[0])
nonzero: return np.sum(x[np.nonzero(x > 0)] ** 2)
item: return x[0].item() * x.item(1)
item of a sum: return (x * x).sum().item()
unpacking: a, b, d, e = x ¦ return a * b + d * e
unpacking of rows: a, b, d = A ¦ return np.sum(a * b * d)
enumerate and zip: return sum(a * b * i for i, (a, b) in enumerate(zip(x, A[0])))
flat: return sum(v * v for v in A.flat)
flat element: return A.flat[5] ** 2
tolist: return sum(v ** 2 for v in x.tolist())
ndenumerate: return sum(v * (i[0] + 1) for i, v in np.ndenumerate(A))
len and shape: return x.sum() / len(x) * A.shape[1] + x.size
where by index: return np.sum(x[np.where(x > 0)[0]] ** 2)
np.select: return np.sum(np.select([x > 1, x > 0], [x, x ** 2], x ** 3))
compress: return np.sum(np.compress(mask, x) ** 2)
extract: return np.sum(np.extract(x > 0, x) ** 2)
# ------------------------------------------------------------------------------------------- written in place
zeros filled by time: H = np.zeros((4, 4)) ¦ for t in range(3): H[t + 1] = np.tanh(B @ H[t] + A[t]) ¦ return np.sum(H[1:] * A)
empty filled by time: H = np.empty((3, 4)) ¦ for t in range(3): H[t] = np.tanh(A[t] * x) ¦ return np.sum(H ** 2)
index minus one: H = np.zeros((4, 4)) ¦ for t in range(3): H[t] = np.tanh(B @ H[t - 1] + A[t]) ¦ return np.sum(H ** 2)
dict with minus one: hs = {-1: x} ¦ for t in range(3): hs[t] = np.tanh(B @ hs[t - 1] + A[t]) ¦ return np.sum(hs[2])
column history: H = np.zeros((4, 3)) ¦ for t in range(3): H[:, t] = np.tanh(A[t]) ¦ return np.sum(H.T * A)
column history of columns: H = np.zeros((4, 3)) ¦ for t in range(3): H[:, t:t+1] = np.tanh(B @ c + t) ¦ return np.sum(H ** 2)
a list of states: hs = [np.zeros_like(x)] ¦ for t in range(3): hs.append(np.tanh(B.dot(hs[-1]) + A[t])) ¦ return np.sum(hs[-1])
list to array: return np.sum(np.array([np.tanh(a) for a in A]) * A)
list of numbers to array: return np.sum(np.array([x[0], x[1] * x[2], 1.0]) ** 2)
nested lists to array: return np.sum(np.array([[x[0], 1], [0, x[1]]]) @ x[:2])
array of an array is a copy: y = np.array(x) ¦ y[0] = 0 ¦ return np.sum(x * y)
asarray is no copy: y = np.asarray(x) ¦ y[0] = 0 ¦ return np.sum(x * x)
zeros with dtype float: H = np.zeros((3, 4), dtype=float) ¦ H[0] = x ¦ return np.sum(H * A)
zeros with the input's dtype: H = np.zeros(A.shape, A.dtype) ¦ H[0] = x ¦ return np.sum(H * A)
full: H = np.full((3, 4), 0.5) ¦ H[1] *= x ¦ return np.sum(H * A)
full of a traced number: return np.sum(np.full(4, s) * x)
zeros_like of a constant: H = np.zeros_like(buf) ¦ H[1] = x ¦ return np.sum(H * A)
imported zeros: H = zeros((3, 4)) ¦ H[2] = x ¦ return np.sum(H * A)
accumulate loss: L = 0 ¦ for t in range(3): L += np.sum(A[t] * x) ¦ return L
accumulate in an array of one: L = np.zeros(1) ¦ for t in range(3): L += np.sum(A[t] * x) ** 2 ¦ return L[0]
accumulate in zero dimensions: L = np.array(0.0) ¦ for t in range(3): L += np.sum(A[t] * x) ** 2 ¦ return L
augmented scalar is bound anew: a = x[0] ¦ b = a ¦ a += 1 ¦ return a * b
augmented array is shared: a = x * 1 ¦ b = a ¦ a += 1 ¦ return np.sum(a * b)
augmented view writes the array: y = A.copy() ¦ r = y[1] ¦ r += x ¦ return np.sum(y ** 2)
augmented slice: y = x.copy() ¦ y[1:] += y[:-1] ¦ return np.sum(y ** 2)
augmented by every operator: y = x.copy() ¦ y += 1 ¦ y -= 3 ¦ y *= x ¦ y /= 2 ¦ y **= 2 ¦ return y.sum()
augmented matrix product: y = B.copy() ¦ y @= B ¦ return y.sum()
augmented element: y = x.copy() ¦ y[2] *= y[1] ¦ return np.sum(y ** 2)
augmented mask: y = x.copy() ¦ y[x > 0] *= x[x > 0] ¦ return np.sum(y ** 2)
augmented fancy index counts once: y = x.copy() ¦ y[[0, 0]] += 1 ¦ return np.sum(y ** 2)
add.at counts twice: y = np.zeros(4) ¦ np.add.at(y, [0, 0, 3], x[:3]) ¦ return np.sum(y ** 2)
add.at of rows: y = np.zeros((4, 4)) ¦ np.add.at(y, [1, 1, 2], A) ¦ return np.sum(y ** 2)
subtract.at: y = x.copy() ¦ np.subtract.at(y, [1, 1], x[:2]) ¦ return np.sum(y ** 2)
view of a row: h = A[1] ¦ h *= 2 ¦ return np.sum(A ** 2)
view of a view: h = A[1:] ¦ g = h[1] ¦ g[2] = s ¦ return np.sum(A ** 2)
view by ravel: y = A.copy() ¦ y.ravel()[3] = s ¦ return np.sum(y ** 3)
flatten is no view: y = A.copy() ¦ y.flatten()[3] = s ¦ return np.sum(y ** 3)
ravel of a transpose is no view: y = A.copy() ¦ y.T.ravel()[3] = s ¦ return np.sum(y ** 3)
view by reshape: y = A.copy() ¦ y.reshape(4, 3)[1] = s ¦ return np.sum(y ** 3)
view by transpose: y = A.copy() ¦ y.T[1] = s ¦ return np.sum(y ** 3)
view by swapaxes: y = A.copy() ¦ z = y.swapaxes(0, 1) ¦ z[2, :] *= s ¦ return np.sum(y ** 3)
view by newaxis: y = x.copy() ¦ y[:, None][2, 0] = s ¦ return np.sum(y ** 3)
view by split: y = x.copy() ¦ a, b = np.split(y, 2) ¦ a *= b ¦ return np.sum(y ** 3)
view by diagonal is read alone: y = B.copy() ¦ d = np.diagonal(y) ¦ y[1, 1] = s ¦ return np.sum(d ** 3)
view by reversal: y = x.copy() ¦ y[::-1][0] = s ¦ return np.sum(y ** 3)
view by step: y = x.copy() ¦ y[::2] = x[:2] * s ¦ return np.sum(y ** 3)
view read after a write: y = x.copy() ¦ v = y[1:] ¦ y[2] = s ¦ return np.sum(v ** 2)
view read before and after: y = x.copy() ¦ v = y[1:] ¦ a = v.sum() ¦ y *= 2 ¦ return a * v.sum()
copy read after a write: y = x.copy() ¦ v = y[1:].copy() ¦ y[2] = s ¦ return np.sum(v ** 2)
two views that overlap: y = x.copy() ¦ a = y[:3] ¦ b = y[1:] ¦ a *= s ¦ b += a ¦ return np.sum(y ** 2)
overlapping assignment: y = x.copy() ¦ y[1:] = y[:-1] ¦ return np.sum(y ** 2)
swap of rows: y = A.copy() ¦ y[[0, 1]] = y[[1, 0]] ¦ return np.sum(y * B[:3])
swap by views is a trap: y = x.copy() ¦ y[:2], y[2:] = y[2:], y[:2] ¦ return np.sum(y * B[0])
fancy index is a copy: y = A.copy() ¦ z = y[[0, 1]] ¦ z *= 5 ¦ return np.sum(y ** 2)
mask is a copy: y = x.copy() ¦ z = y[mask] ¦ z *= 5 ¦ return np.sum(y ** 2) + z.sum()
asarray of a view is a view: y = A.copy() ¦ z = np.asarray(y[0]) ¦ z *= 5 ¦ return np.sum(y ** 2)
astype is a copy: y = x.copy() ¦ z = y.astype(float) ¦ z *= 5 ¦ return np.sum(y ** 2)
astype without copy: y = x.copy() ¦ z = y.astype(np.float64, copy=False) ¦ z *= 5 ¦ return np.sum(y ** 2)
state in a buffer: h = np.zeros(4) ¦ for t in range(3): h[:] = np.tanh(B @ h + A[t]) ¦ return np.sum(h)
state in a buffer kept by reference: h = np.zeros(4) ¦ hs = [] ¦ for t in range(3): h[:] = np.tanh(B @ h + A[t]); hs.append(h) ¦ return np.sum(np.array(hs))
state in a buffer kept by copy: h = np.zeros(4) ¦ hs = [] ¦ for t in range(3): h[:] = np.tanh(B @ h + A[t]); hs.append(h.copy()) ¦ return np.sum(np.array(hs) * A)
state by copyto: h = np.zeros(4) ¦ for t in range(3): np.copyto(h, np.tanh(B @ h + A[t])) ¦ return np.sum(h)
fill: y = np.zeros(4) ¦ y.fill(s) ¦ return np.sum(y * x)
fill_diagonal: y = B.copy() ¦ np.fill_diagonal(y, s) ¦ return np.sum(y ** 2)
put: y = x.copy() ¦ np.put(y, [0, 2], [s, s * s]) ¦ return np.sum(y ** 3)
putmask: y = x.copy() ¦ np.putmask(y, mask, 0.5) ¦ return np.sum(y ** 3)
flat written: y = A.copy() ¦ y.flat[[1, 5]] = s ¦ return np.sum(y ** 3)
flat written whole: y = np.zeros((2, 2)) ¦ y.flat = x ¦ return np.sum(y ** 3)
sort in place: y = x.copy() ¦ y.sort() ¦ return np.sum(y * B[0])
constant overwrites: y = x.copy() ¦ y[:] = 0 ¦ y[1] = s ¦ return np.sum(y ** 2)
module's buffer written: buf[1] = x ¦ return np.sum(buf * A)
module's buffer written by out: np.tanh(A, out=buf) ¦ return np.sum(buf ** 2)
module's buffer augmented: g = buf ¦ g += A ¦ return np.sum(buf ** 2)
input written: x[0] = 0 ¦ return np.sum(x ** 2)
object array of states: hs = np.empty(3, dtype=object) ¦ for t in range(3): hs[t] = np.tanh(A[t]) ¦ return sum(np.sum(h ** 2) for h in hs)
history as an array of arrays: hs = np.zeros((3, 2, 4)) ¦ for t in range(3): hs[t, 0] = A[t]; hs[t][1] = hs[t][0] * x ¦ return np.sum(hs ** 2)
gates in one buffer: z = np.zeros((1, 8)) ¦ z[:, :4] = np.tanh(x) ¦ z[:, 4:] = 1 / (1 + np.exp(-x)) ¦ return np.sum(z[:, :4] * z[:, 4:])
bias column: X = np.zeros((3, 5)) ¦ X[:, 0] = 1 ¦ X[:, 1:] = A ¦ return np.sum((X @ X.T) ** 2)
# --------------------------------------------------------------------------------- numbers, branches, Python
float: return float(x[0]) * float(np.sum(x))
float of the result: return float(np.sum(x ** 2))
float32 of a number: return np.float64(x[0]) * x[1]
math.exp: return math.exp(x[0]) * math.sqrt(x[1] ** 2 + 1)
math.tanh in a loop: return sum(math.tanh(v) for v in x)
math.log and pow: return math.log(x[0] ** 2 + 1) + math.pow(x[1], 2)
math.fsum: return math.fsum(x * x)
exp imported from math: return mexp(x[0])
vectorize: f = np.vectorize(lambda v: v * v if v > 0 else 0.5 * v) ¦ return np.sum(f(x))
vectorize with math: f = np.vectorize(lambda v: 1 / (1 + math.exp(-v))) ¦ return np.sum(f(A))
vectorized before: return np.sum(vsig(x))
frompyfunc: f = np.frompyfunc(lambda v: v * v, 1, 1) ¦ return np.sum(f(x))
apply_along_axis: return np.sum(np.apply_along_axis(lambda r: r / (1 + r @ r), 1, A))
map and list: return np.sum(np.array(list(map(np.tanh, A))))
branch on a value: return np.sum(x ** 2) if x[0] > 0 else np.sum(x ** 3)
branch on any: return np.sum(x ** 2) if np.any(x > 0) else np.sum(x ** 3)
branch on isnan: return np.sum(x ** 2) if not np.isnan(x).any() else 0.0
while with a value: y = s ¦ while abs(y) > 0.1: y = y * 0.5 ¦ return y * y
printing: print(f"{x[0]:.3f} {s} {np.sum(x)}", "%.3f" % x[1]) ¦ return np.sum(x ** 2)
isinstance of an array: return np.sum(x ** 2) if isinstance(x, np.ndarray) else 0.0
isinstance of a float: return x[0] ** 2 if isinstance(x[0], float) else 0.0
isinstance of np.floating: return x[0] ** 2 if isinstance(x[0], np.floating) else 0.0
isscalar: return x[0] ** 2 if np.isscalar(x[0]) else 0.0
assert on shapes: assert x.shape == (4,) and x.ndim == 1 and x.dtype == np.float64 ¦ return np.sum(x ** 2)
assert close: assert np.allclose(x, x) ¦ return np.sum(x ** 2)
deepcopy: y = copy.deepcopy({"h": x}) ¦ y["h"] *= 2 ¦ return np.sum(y["h"] * x)
copy.copy: y = copy.copy(x) ¦ y *= 2 ¦ return np.sum(y * x)
functools.reduce: return np.sum(functools.reduce(lambda h, a: np.tanh(h + a), A, x))
a class with self.h: r = RNN(B) ¦ for a in A: r.step(a) ¦ return np.sum(r.h)
an object made before: for a in A: rnn.step(a) ¦ return np.sum(rnn.h)
a namedtuple state: S = collections.namedtuple("S", "h c") ¦ q = S(x, x * x) ¦ q = q._replace(h=q.c * 2) ¦ return np.sum(q.h * q.c)
a deque: d = collections.deque(A, maxlen=2) ¦ return np.sum(d[0] * d[1])
closures: f = lambda h: np.tanh(B @ h + x) ¦ return np.sum(f(f(f(x))))
recursion: f = lambda n: x if n == 0 else np.tanh(B @ f(n - 1)) ¦ return np.sum(f(3))
generator: g = (np.tanh(a) for a in A) ¦ return np.sum(next(g) * next(g))
try and except: y = x ¦ try: y = x @ A ¦ except ValueError: y = x ** 2 ¦ return np.sum(y)
errstate: y = 0 ¦ with np.errstate(all="ignore"): y = np.sum(np.log(x ** 2)) ¦ return y
global counter: count.append(1) ¦ return np.sum(x) * 2
random dropout of a seed: m = np.random.default_rng(0).random(4) < 0.5 ¦ return np.sum(x ** 2 * m)
random weights of a seed: return np.sum(np.random.RandomState(0).randn(3, 4) @ x)
arange and linspace: return np.sum(np.arange(4) * x + np.linspace(0, 1, 4) * x ** 2)
masked steps: h = x ¦ for t, m in enumerate([1, 0, 1]): h = m * np.tanh(A[t] + h) + (1 - m) * h ¦ return np.sum(h)
masked steps by where: h = x ¦ for t in range(3): h = np.where(mask, np.tanh(A[t] + h), h) ¦ return np.sum(h)
float32 cast: return np.sum(x.astype(np.float32).astype(np.float64) ** 2)
zeros in float32: h = np.zeros(4, dtype=np.float32) ¦ h = h + x ¦ return np.sum(h ** 2)
zeros in float32 written: h = np.zeros(4, np.float32) ¦ h[:] = x ¦ return np.sum(h ** 2)
float32 by name: h = np.zeros(4, "f4") ¦ h += x ¦ return np.sum(h ** 2)
np.float32 of a number: return np.float32(x[0]) * x[1]
output not used: y = np.exp(1000 * x) ¦ return np.sum(x ** 2)
output without inputs: return 3.0
output is an input: return x[0]
# -------------------------------------------------------------------------------------------- whole systems
plain rnn of columns: h = np.zeros((4, 1)) ¦ for t in range(3): h = np.tanh(np.dot(B, h) + A[t].reshape(-1, 1)) ¦ return np.sum(h * c)
lstm of one matrix: h, C = x, x * x ¦ for t in range(3): z = np.concatenate([B @ h + A[t]] * 4); i, f, o, g = sig(z[:4]), sig(z[4:8]), sig(z[8:12]), np.tanh(z[12:]); C = f * C + i * g; h = o * np.tanh(C) ¦ return np.sum(h)
gru: h = x ¦ for a in A: z, r = sig(B @ h + a), sig(B.T @ h - a); h = (1 - z) * h + z * np.tanh(B @ (r * h) + a) ¦ return np.sum(h ** 2)
batched rnn: H = np.zeros((3, 4)) ¦ for t in range(2): H = np.tanh(H @ B + A * (t + 1)) ¦ return np.mean(H ** 2)
attention: q = A @ B ¦ w = np.exp(q @ A.T / np.sqrt(4)) ¦ w /= w.sum(axis=-1, keepdims=True) ¦ return np.sum((w @ A) ** 2)
mean squared error: return np.mean((A @ x - np.array([1.0, 2.0, 3.0])) ** 2)
binary cross entropy: p = sig(A @ x) ¦ y = np.array([0.0, 1.0, 1.0]) ¦ return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
min-char-rnn: xs, hs, ys, ps = {}, {}, {}, {} ¦ hs[-1] = np.copy(c) ¦ L = 0 ¦ for t in range(3): xs[t] = np.zeros((4, 1)); xs[t][[2, 0, 1][t]] = 1; hs[t] = np.tanh(np.dot(B, xs[t]) + np.dot(B, hs[t-1]) + c); ys[t] = np.dot(B, hs[t]); ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t])); L += -np.log(ps[t][[0, 1, 3][t], 0]) ¦ return L
conv over time: return sum(np.sum(np.tanh(A[:, t:t + 2] @ B[:2, :2])) for t in range(3))
viterbi like max: v = A[0] ¦ for t in range(1, 3): v = (v[:, None] + B).max(axis=0) + A[t] ¦ return v.max()
forward algorithm: v = A[0] ¦ for t in range(1, 3): m = v[:, None] + B; v = np.log(np.exp(m - m.max(0)).sum(0)) + m.max(0) + A[t] ¦ return np.log(np.exp(v).sum())
l2 penalty: return np.sum(x) ** 2 + 0.5 * 1e-2 * (np.sum(B * B) + np.sum(A * A))
# ------------------------------------------------------------------------------------------------ lists of numbers
mean of a list: return np.sum(np.mean([x, x * x, x ** 3], axis=0) * x)
sum and max of a list: return np.sum(np.sum([x, B[0]], axis=0) * np.max([x, B[1]], axis=0))
std of a list: return np.std([x[0], x[1] * x[0], s])
a ufunc of a list: return np.sum(np.exp([x[0], x[1], s]) * [x[0], 1.0, 2.0])
np.add of two lists: return np.sum(np.add([x[0], s], [1.0, x[1]]) ** 2)
np.maximum of a tuple: return np.sum(np.maximum((x[0], x[1], s), 0) * 2.0)
np.dot of a list: return np.dot([x[0], x[1]], [s, x[0]])
np.linalg.norm of a list: return np.linalg.norm([x[0], x[1], s])
which ufunc it is: return np.sum(act(x) if act is np.tanh else 0 * x)
a ufunc as a key: return np.sum({np.tanh: 2.0, np.sin: 3.0}[act] * x)
# ------------------------------------------------------------------------------------------------ nditer
nditer: return sum(float(v) ** 2 for v in np.nditer(x))
nditer with an index: it = np.nditer(A, flags=["multi_index"]) ¦ y = 0 ¦ while not it.finished: y += it[0] * B[it.multi_index]; it.iternext() ¦ return y
nditer that writes: y = A.copy() ¦ it = np.nditer(y, op_flags=["readwrite"]) ¦ for v in it: v[...] = v * v ¦ return np.sum(y * A)
# ------------------------------------------------------------------------------------------------ read for a log alone
a log in text: log.append(f"{s:.3f} %.3f %s" % (x[0], x)) ¦ return np.sum(x * x)
a log in an array of Python's: log.append(array.array("d", x)) ¦ return np.sum(x * x)
a log in JSON: log.append(json.dumps({"s": float(s), "x": x.tolist(), "y": x[0].item()})) ¦ return np.sum(x * s)
a log of statistics: log.append(statistics.fmean(x)) ¦ return np.sum(x * s)
a log of bytes: log.append(struct.pack("d", x[0]) + x.tobytes()) ¦ return np.sum(x * s)
a log of a histogram: log.append(np.histogram(x, bins=3)) ¦ return np.sum(x * s)
a log of integers: log.append(int(1e12 * s) + round(1e12 * x[0])) ¦ return np.sum(x * s)
a log in float32: log.append(x.astype(np.float32)) ¦ assert np.float32(s) > -9 ¦ return np.sum(x * s)
a log that SciPy makes: log.append(signal.lfilter([1.0], [1.0, 0.5], x)) ¦ return np.sum(x * s)
"""

REFUSED = """
# what comes after the colon is code; the words after ⟂ are in the refusal
array.array: return array.array("d", x)[0] * x[1] ⟂ plain float
ctypes: return ctypes.c_double(x[0]).value * x[1] ⟂ plain float
decimal: return float(decimal.Decimal(x[0])) * x[1] ⟂ not accepted
struct: return struct.unpack("d", struct.pack("d", x[0]))[0] * x[1] ⟂ plain float
text and back: return float("%.17g" % x[0]) * x[1] ⟂ differ
text and back by str: return float(str(x[0])) * x[1] ⟂ differ
text and back by repr: return eval(repr(float(x[0])), {"np": numpy_itself}) * x[1] ⟂ differ
bytes: return np.frombuffer(x.tobytes())[0] * x[1] ⟂ .tobytes
the data pointer: return x.ctypes.data * x[1] ⟂ .ctypes
memoryview: return memoryview(x)[0] * x[1] ⟂ not accepted
pickle: return pickle.loads(pickle.dumps(x))[0] * x[1] ⟂ pickled
a key of a dict: return {x[0]: 1.0}[x[0]] * x[1] ⟂ key of a dict
lru_cache: return cached(x[0]) * x[1] ⟂ key of a dict
complex numbers: return np.multiply(x, 1j).imag.sum() ⟂ complex
complex numbers by operators: return (x * 1j).imag.sum() ⟂ complex
complex number of one: return complex(x[0]).real ⟂ complex
complex dtype: return np.sum(x.astype(complex).real) ⟂ complex
fft: return np.sum(np.abs(np.fft.fft(x))) ⟂ np.fft
eigenvalues: return np.linalg.eigvalsh(B + B.T)[0] ⟂ eigvalsh
svd: return np.linalg.svd(B)[1][0] ⟂ svd
interp: return np.interp(x[0], [0, 1], [0, 1]) * x[1] ⟂ not traced
gradient: return np.sum(np.gradient(x)) ⟂ np.gradient
scipy signal: return np.sum(signal.sosfilt([[1.0, 0, 0, 1, 0.5, 0]], x)) ⟂ plain one
an initial state of lfilter: return np.sum(signal.lfilter([1.0], [1.0, 0.5], x, zi=np.ones(1))[0]) ⟂ initial state
rfft: return np.sum(np.abs(np.fft.rfft(x))) ⟂ np.fft.rfft
qr: return np.linalg.qr(B)[1][0, 0] ⟂ np.linalg.qr
as_strided: return np.sum(np.lib.stride_tricks.as_strided(x, (2,), (8,))) ⟂ leaves the graph
numpy itself: h = numpy_itself.zeros(4) ¦ h[0] = x[0] ¦ return h[0] ⟂ plain float
numpy itself by out: h = numpy_itself.zeros(4) ¦ np.tanh(x, out=h) ¦ return h[0] ⟂ did not see made
numpy itself augmented: h = numpy_itself.zeros(4) ¦ h += x ¦ return h[0] ⟂ did not see made
a view of another dtype: return np.sum(x.view(np.int64)) ⟂ view
shape assigned: y = x.copy() ¦ y.shape = (2, 2) ¦ return np.sum(y) ⟂ shape is assigned
random of no seed: return np.sum(x * np.random.rand()) ⟂ differ
counts its calls: count.append(1) ¦ return np.sum(x) * calls() ⟂ differ
reduceat: return np.sum(np.add.reduceat(x, [0, 2]) ** 2) ⟂ reduceat
multiply.at: y = x.copy() ¦ np.multiply.at(y, [0, 0], 2) ¦ return np.sum(y) ⟂ multiply.at
a kink at the inputs: return np.sum(x ** 2) if x[1] == 0.7 else np.sum(x) ⟂ decides otherwise
caught: y = 0.0 ¦ try: y = numpy_itself.array(x)[0] ¦ except ArithmeticError: y = 1.0 ¦ return y * x[0] ⟂ plain one
a log that comes back: log.append(statistics.fmean(x)) ¦ return np.sum(x) + 2 * log.pop() ⟂ plain float
a log that comes back in the last bits: return 1e9 + np.sum(x) + 1e-9 * statistics.fmean(x) ⟂ plain float
a histogram that comes back in the last bits: return 1e9 + np.sum(x) + 1e-9 * np.histogram(x)[1][0] ⟂ np.histogram
JSON that comes back: return np.sum(x) + json.loads(json.dumps({"s": float(s)}))["s"] ⟂ not accepted
an integer that comes back: return np.sum(x) + int(1e12 * s) * 1e-12 ⟂ decides otherwise
a thread: return np.sum(pool.submit(lambda: x * 2).result()) ⟂ thread
an unsigned index: return A[x[0]] ⟂ index
"""


def lines(text: str) -> list[tuple[str, str, str]]:
    """(name, code, words of the refusal) of every idiom."""
    found = []
    for line in text.strip().splitlines():
        if line.startswith("#"):
            continue
        name, code = line.split(": ", 1)
        code, _, words = code.partition(" ⟂ ")
        found.append((name, code, words))
    return found


def function_of(name: str, code: str, names: dict):
    """The idiom as a function of the inputs, in a namespace like a module's."""
    head = "x, A, B, c, s = p['x'], p['A'], p['B'], p['c'], p['s']"
    body = "".join(f"    {line.strip()}\n" for line in [head, *code.split("¦")])
    exec(compile(f"def f(p):\n{body}", f"idiom: {name}", "exec"), names)
    return names["f"]
