"""The contract of every kernel: names, arguments, shapes. Read this file first.

A kernel is one whole, named formula on raw arrays. It exists in three voices with the signature
given here: ``reference`` (NumPy, the formula as written: the judge), ``cpu`` (Numba) and ``cuda``
(Numba). A test compares each floor with this file, name by name and argument by argument.

What holds for all of them
    Arrays     C-contiguous in, freshly allocated C-contiguous out (never a view of an input).
               ``np.ndarray`` on the two host floors, a device array on ``cuda``.
    Dtypes     float32 and float64 alike; the result has the dtype of the inputs. Indices, targets
               and lengths are int64. Masks are bool. Python numbers adapt to the arrays (NEP 50).
    Trust      Shapes, ranges and dtypes were checked by the caller (``mmscratch.ops``), who can
               name the operation in its error. A kernel checks nothing twice.
    Memory     Only the three optimizer steps write into arguments (param and state, never grad).
               Nothing synchronises a device.

The alphabet
    B batch   T time   D features   H hidden   V vocabulary   C channels   N rows   S… a spatial shape
    Lq, Lk query and key length   M, K, N matrix sizes   G groups
"""

FILES = {
    "elementwise": ["map", "cast", "full"],
    "reduce": ["reduce", "extreme_backward", "argreduce", "scan", "topk"],
    "layout": ["permute", "expand", "slice", "place", "concatenate"],
    "indexing": ["take", "take_add", "take_along", "take_along_add"],
    "linear": ["matmul", "linear"],
    "softmax": ["softmax", "softmax_backward", "log_softmax", "log_softmax_backward"],
    "loss": ["cross_entropy", "cross_entropy_backward"],
    "attention": ["attention", "attention_backward"],
    "additive": ["additive_scores", "additive_scores_backward"],
    "convolution": ["conv", "conv_input_gradient", "conv_weight_gradient", "conv_parameter_gradients"],
    "pooling": ["pool", "pool_backward"],
    "normalization": ["normalize", "normalize_backward"],
    "modulation": ["film", "film_backward", "bias_relu_backward"],
    "recurrence": [
        "lstm", "lstm_backward", "gru", "gru_backward",
        "lstm_cell", "lstm_cell_backward", "gru_cell", "gru_cell_backward",
    ],
    "attentive": ["attentive_lstm", "attentive_lstm_backward"],
    "similarity": ["l2_normalize", "l2_normalize_backward", "cosine_topk"],
    "random": ["random_bits", "dropout"],
    "optimizer": ["sgd_step", "adam_step", "adagrad_step", "clip_global_norm"],
}  # fmt: skip
"""Which file of a floor holds which kernel; the same on every floor."""

FORMULAS = {
    1: [
        "neg", "abs", "sign", "exp", "log", "sqrt", "reciprocal", "square", "sin", "cos", "tanh", "erf",
        "floor", "ceil", "round", "isnan", "isfinite", "logical_not",
        "sigmoid", "relu", "softplus", "gelu", "gelu_tanh", "silu", "mish", "softsign",
    ],
    2: [
        "add", "sub", "mul", "div", "pow", "maximum", "minimum", "remainder",
        "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
        "logical_and", "logical_or", "logical_xor",
        "elu", "leaky_relu",                                     # (x, parameter): α, slope
        "gelu_backward", "gelu_tanh_backward", "silu_backward", "mish_backward",                    # (dy, x)
        "softsign_backward", "softplus_backward",                                                   # (dy, x)
        "tanh_backward", "sigmoid_backward", "relu_backward",                                       # (dy, y)
    ],
    3: [
        "where", "clip",                                         # (condition, a, b), (x, low, high)
        "elu_backward", "leaky_relu_backward",                   # (dy, x, parameter)
        "selu", "hard_sigmoid",                                  # (x, α, γ), (x, slope, offset)
    ],
    4: ["clip_backward", "selu_backward", "hard_sigmoid_backward"],  # (dy, x, and the two parameters)
}  # fmt: skip
"""Arity → the scalar formulas that ``map`` knows; each is written once in scalar.py."""


# ── elementwise ──────────────────────────────────────────────────────────────────────────────────
def map(formula, *operands):
    """y[i] = formula(a[i], b[i], …): one scalar formula of ``scalar.py``, applied everywhere.

    operands: arrays that broadcast against each other (NumPy's rule) and Python numbers.
    Comparisons and logic give bool; every other formula gives the common dtype of the operands.
    """


def cast(x, dtype):
    """A copy of x with another dtype (float → int truncates, anything → bool is ``!= 0``)."""


def full(shape, value, dtype):
    """A new array filled with one value."""


# ── reductions ───────────────────────────────────────────────────────────────────────────────────
def reduce(kind, x, axes, keepdims):
    """kind "sum" | "max" | "min" | "prod" over the tuple ``axes`` (non-negative, sorted).

    An empty sum is 0 and an empty product 1; max and min of nothing were refused by the caller.
    NaN wins in max and min. Order of summation is fixed: the result never depends on threads.
    """


def extreme_backward(dy, x, y, axes):
    """The gradient of y = reduce("max" | "min", x, axes, keepdims=True): dx = dy / n where x = y, else 0.

    n entries of a set are equal to its extreme, and share dy. A set with NaN gets NaN.
    """


def argreduce(kind, x, axis):
    """kind "max" | "min" → int64 position along axis (that axis removed); first one on ties, NaN wins."""


def scan(kind, x, axis, exclusive, reverse):
    """kind "sum" | "prod": running sum or product along axis, the same shape as x."""


def topk(x, k):
    """The k largest of each row, falling, lower index first on ties: x (…, N) → values, index (…, k)."""


# ── layout: moving data without changing it ──────────────────────────────────────────────────────
def permute(x, axes):
    """Axis j of the result is axis ``axes[j]`` of x."""


def expand(x, shape):
    """x repeated to ``shape`` by NumPy's broadcasting rule."""


def slice(x, starts, steps, shape):
    """y[i₀, i₁, …] = x[starts₀ + i₀·steps₀, …] for i in ``shape``; one entry an axis, steps ≠ 0."""


def place(x, starts, steps, shape, fill):
    """The converse: an array of ``shape`` full of ``fill`` with y[starts + i·steps] = x[i].

    Serves padding, the gradient of slicing, and stacking.
    """


def concatenate(arrays, axis):
    """The arrays one after the other along axis; they agree on every other axis."""


# ── indexing ─────────────────────────────────────────────────────────────────────────────────────
def take(x, index):
    """Rows of x: x (V, …), index (I…) in [0, V) → (I…, …). The embedding lookup."""


def take_add(dy, index, rows):
    """Its gradient: dx[index[i]] += dy[i]; dy (I…, …), index (I…) → (rows, …). Same sum order always."""


def take_along(x, index, axis):
    """y[…, j, …] = x[…, index[…, j, …], …]; index has x's shape except along axis."""


def take_along_add(dy, index, axis, size):
    """Its gradient: dx[…, index[…, j, …], …] += dy[…, j, …], with ``size`` entries along axis."""


# ── linear algebra ───────────────────────────────────────────────────────────────────────────────
def matmul(a, b, transpose_a, transpose_b):
    """a (…, M, K) @ b (…, K, N) → (…, M, N); leading axes broadcast.

    ``transpose_a`` says that a is stored as (…, K, M); ``transpose_b`` that b is stored as (…, N, K).
    """


def linear(x, weight, bias, activation=None):
    """y = φ(x Wᵀ + b): x (N, D), weight (K, D), bias (K,) or None → (N, K).

    activation φ: None | "relu" | "tanh" | "sigmoid", applied where the result is written. (Those whose
    gradient can be told from y; ``map(f"{activation}_backward", dy, y)`` is it.)
    """


# ── softmax and its loss ─────────────────────────────────────────────────────────────────────────
def softmax(x, mask):
    """Along the last axis: exp(x − max x) / Σ. mask: None, or bool broadcasting to x, True takes part.

    A masked entry gets exactly 0; a row without any True is all zeros.
    """


def softmax_backward(dy, y):
    """dx = y ⊙ (dy − Σ y ⊙ dy)."""


def log_softmax(x, mask):
    """Along the last axis: x − max x − log Σ exp(x − max x). Masked entries get −inf."""


def log_softmax_backward(dy, y):
    """dx = dy − exp(y) Σ dy, and 0 where y = −inf (masked: those dy do not count)."""


def cross_entropy(logits, target, weight, ignore_index, label_smoothing):
    """ℓ_n = w_{t_n} · (1−ε)·(lse_n − x_{n,t_n}) + ε/V · Σ_v w_v (lse_n − x_{n,v}); 0 if t_n = ignore_index.

    logits (N, V), target (N,), weight (V,) or None → loss (N,), row_weight (N,) (w_{t_n}, or 0 where
    ignored), lse (N,) = log Σ exp x.
    """


def cross_entropy_backward(dloss, logits, target, lse, weight, ignore_index, label_smoothing):
    """→ dlogits (N, V). Without smoothing: dloss_n · w_{t_n} · (softmax(x_n) − onehot(t_n))."""


# ── attention ────────────────────────────────────────────────────────────────────────────────────
def attention(query, key, value, mask, causal, scale):
    """P = softmax(scale · Q Kᵀ + mask), O = P V  (Vaswani et al., 2017, eq. 1).

    query (B, G, Lq, D), key (B, G, Lk, D), value (B, G, Lk, E), G heads
    mask: None; bool (True takes part); or float (added to the scores). Four axes, each 1 or full.
    causal: query i sees keys j ≤ i only. → out (B, G, Lq, E), probability (B, G, Lq, Lk)
    A query that sees no key has probabilities and output 0.
    """


def attention_backward(dout, query, key, value, probability, scale):
    """→ dquery, dkey, dvalue.

    dV = Pᵀ dO;  dP = dO Vᵀ;  dS = P ⊙ (dP − Σ P ⊙ dP);  dQ = scale · dS K;  dK = scale · dSᵀ Q
    """


# ── additive attention ───────────────────────────────────────────────────────────────────────────
def additive_scores(query, key, weight):
    """e[b, i, j] = Σ_a weight[a] · tanh(query[b, i, a] + key[b, j, a]).

    query (B, Lq, A), key (B, Lk, A), weight (A,) → e (B, Lq, Lk). No array of Lq · Lk · A entries is made.
    """


def additive_scores_backward(de, query, key, weight):
    """u = tanh(query[b, i] + key[b, j]);  dquery[b, i] = weight ⊙ Σ_j de[b, i, j] (1 − u²);  → it, and
    dweight = Σ_{b, i, j} de[b, i, j] u.

    Queries and keys are alike in the formula: dkey is this of (deᵀ, key, query, weight).
    """


# ── convolution: any number of spatial axes from 1 to 3 ──────────────────────────────────────────
def conv(x, weight, bias, stride, padding, dilation, groups, activation=None):
    """y[b, k, o] = φ(bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o·stride + j·dilation − padding₀]).

    x (B, C, S…), weight (K, C/groups, J…), bias (K,) or None → (B, K, O…), with
    O = (S + padding₀ + padding₁ − dilation·(J − 1) − 1) // stride + 1
    stride, dilation: one int an axis; padding: one pair (before, after) an axis. Channel k reads the
    input channels of its own group. activation φ as in ``linear``.
    """


def conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups):
    """dx[b, c, i] = Σ_{k, j, o: o·stride + j·dilation − padding₀ = i} weight[k, c, j] · dy[b, k, o].

    Transposed convolution is this kernel used forwards.
    """


def conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o·stride + j·dilation − padding₀]."""


def conv_parameter_gradients(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW as ``conv_weight_gradient`` gives it, and that of the bias, db[k] = Σ_{b, o} dy[b, k, o]."""


# ── pooling: any number of spatial axes from 1 to 3 ──────────────────────────────────────────────
def pool(kind, x, kernel, stride, padding, dilation, out, count_padding):
    """kind "max" | "average" over windows of x (B, C, S…) → y (B, C, O…), index.

    Window o of an axis holds the positions o·stride − padding₀ + j·dilation, 0 ≤ j < kernel. ``out`` is
    O… (given, for ``ceil_mode`` may let the last window overhang). ``kernel`` None: adaptive windows,
    ⌊o·S/O⌋ … ⌈(o+1)·S/O⌉.
    max: index (B, C, O…) is the winner's flat position in S… (first on ties, NaN wins); outside x is −∞.
    average: index is None; the divisor counts positions inside x, and with ``count_padding`` also
    those inside the padding, never those beyond it.
    """


def pool_backward(kind, dy, index, x_shape, kernel, stride, padding, dilation, count_padding):
    """→ dx (B, C, S…): each dy goes to its winner (max), or in equal parts to its window (average)."""


# ── normalization ────────────────────────────────────────────────────────────────────────────────
def normalize(x, weight, bias, eps, across_batch, center):
    """y = (x − μ) · r · weight + bias with r = 1/√(σ² + eps): one kernel, five norms.

    x (B, G, K, L): B batch, G groups, K channels a group, L positions. weight, bias (G·K,) or None.
    μ, σ² (biased) over (K, L) of each (b, g); with ``across_batch`` over (B, K, L) of each g.
    ``center`` False leaves the mean in (μ = 0, σ² = mean of x²).
        batch norm     (B, C, 1, L) across_batch        layer norm   (N, 1, D, 1)
        instance norm  (B, C, 1, L)                     group norm   (B, G, C/G, L)
        RMS norm       (N, 1, D, 1) with center False
    → y, mean, rstd (B, G), or (1, G) with across_batch; float32 sums are kept in float64.
    """


def normalize_backward(dy, x, weight, mean, rstd, across_batch, center):
    """→ dx, dweight (G·K,), dbias (G·K,) (the last two whether or not there is a weight).

    x̂ = (x−μ)·r;  g = dy ⊙ weight;  dx = r · (g − mean(g) − x̂ · mean(g ⊙ x̂)); without centring no mean(g).
    """


# ── modulation ───────────────────────────────────────────────────────────────────────────────────
def film(x, gamma, beta, relu):
    """y = (1 + γ) x + β for x (N, C, S…), γ and β (N, C): a scale and a shift a channel; relu: max(0, y)."""


def film_backward(dy, x, gamma, y):
    """dx = (1 + γ) g, dγ = Σ_S g x, dβ = Σ_S g with g = dy; given y, the result of relu, only where y > 0."""


def bias_relu_backward(dy, y):
    """Of y = relu(x + b), x (N, C, S…), b (C,): dx = dy where y > 0, else 0; db = Σ_NS dx."""


# ── recurrence: one layer, one direction, time first ─────────────────────────────────────────────
def lstm(x, w_ih, w_hh, bias, h0, c0, lengths, reverse):
    """The long short-term memory (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

    i, f, o = σ(·), g = tanh(·) of  x_t W_ihᵀ + h_{t−1} W_hhᵀ + b  (gate order i, f, g, o, as in PyTorch)
    c_t = f ⊙ c_{t−1} + i ⊙ g;   h_t = o ⊙ tanh c_t

    x (T, B, D), w_ih (4H, D), w_hh (4H, H), bias (4H,), h0, c0 (B, H), lengths (B,) or None
    → hs (T, B, H), h_last, c_last (B, H), gates (T, B, 4H) (after σ and tanh), cells (T, B, H)
    At t ≥ lengths[b]: hs and gates are 0 and the state is carried on unchanged.
    reverse: t runs from T−1 to 0 (a sequence starts at its own last step); hs[t] stays at place t.
    """


def lstm_backward(dhs, dh_last, dc_last, x, w_ih, w_hh, h0, c0, hs, gates, cells, lengths, reverse):
    """→ dx, dw_ih, dw_hh, dbias, dh0, dc0: back-propagation through time."""


def gru(x, w_ih, w_hh, b_ih, b_hh, h0, lengths, reverse):
    """The gated recurrent unit (Cho et al., 2014; the reset gate acts after the product, as in cuDNN).

    r, z = σ(x_t W_ihᵀ + b_ih + h_{t−1} W_hhᵀ + b_hh)
    n = tanh(x_t W_inᵀ + b_in + r ⊙ q),  q = h_{t−1} W_hnᵀ + b_hn
    h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}                      (gate order r, z, n, as in PyTorch)

    x (T, B, D), w_ih (3H, D), w_hh (3H, H), b_ih, b_hh (3H,), h0 (B, H), lengths (B,) or None
    → hs (T, B, H), h_last (B, H), gates (T, B, 4H): r, z, n, q. Lengths and reverse as in ``lstm``.
    """


def gru_backward(dhs, dh_last, x, w_ih, w_hh, h0, hs, gates, lengths, reverse):
    """→ dx, dw_ih, dw_hh, db_ih, db_hh, dh0."""


def lstm_cell(gates, c):
    """The pointwise half of one LSTM step.

    gates (B, 4H) before σ and tanh, c (B, H) → h, c' (B, H), activated (B, 4H)
    """


def lstm_cell_backward(dh, dc, activated, c, c_new):
    """→ dgates (B, 4H) before σ and tanh, dc_previous (B, H)."""


def gru_cell(gates_x, gates_h, h):
    """The pointwise half of one GRU step.

    gates_x, gates_h (B, 3H) before σ and tanh, h (B, H) → h' (B, H), gates (B, 4H) as in ``gru``
    """


def gru_cell_backward(dh, gates, h):
    """→ dgates_x (B, 3H), dgates_h (B, 3H), dh_previous (B, H) (the direct path z ⊙ dh only)."""


# ── recurrence that looks at regions ─────────────────────────────────────────────────────────────
def attentive_lstm(x, regions, projected, h0, c0, w_ih, w_hh, bias, w_ask, b_ask, weight, current):
    """An LSTM with soft attention and its gate, a whole sequence (Xu et al., 2015, eq. 1 to 6, §4.2.1).

    look     [q; s] = h W_askᵀ + b_ask;  α_i = softmax(weight · tanh(projected_i + q));
             z = σ(s) Σ α_i regions_i
    step     gates = [x_t; z; h_{t−1}] [w_ih w_hh]ᵀ + bias, then as in ``lstm``
    At each t h_{t−1} looks, then comes the step; with ``current`` the step, of the z before it (z_0 = 0), and
    then h_t looks.

    x (T, B, E), T ≥ 1, regions (B, R, D), R ≥ 1, projected (B, R, A), h0, c0 (B, H), w_ih (4H, E + D),
    w_hh (4H, H), bias (4H,), w_ask (A + 1, H), b_ask (A + 1,), weight (A,)
    → hs (T, B, H), zs (T, B, D), alphas (T, B, R), and what the way back needs: read (T, B, E + D + H),
    [x; z; h] of each step, asked (T, B, A + 1), [q; σ(s)], gates (T, B, 4H), cells (T, B, H)
    """


def attentive_lstm_backward(
    dhs, dzs, dalphas, regions, projected, c0, w_ih, w_hh, w_ask, weight, hs, alphas, read, asked, gates,
    cells, current,
):  # fmt: skip
    """→ dx, dregions, dprojected, dh0, dc0, dw_ih, dw_hh, dbias, dw_ask, db_ask, dweight."""


# ── similarity ───────────────────────────────────────────────────────────────────────────────────
def l2_normalize(x, eps):
    """y = x / max(‖x‖, eps) for each row: x (N, D) → y (N, D), norm (N,)."""


def l2_normalize_backward(dy, y, norm, eps):
    """dx = (dy − y Σ y ⊙ dy) / ‖x‖: the part tangent to the sphere; dy / eps where ‖x‖ < eps."""


def cosine_topk(queries, database, k, normalized):
    """The k rows of the database with the largest cosine to each query, falling, lower id first on ties.

    queries (Q, D), database (N, D) → score (Q, k), id (Q, k). ``normalized``: all rows have length 1
    already. A zero row has cosine 0 with everything.
    """


# ── random numbers: a pure function of (seed, offset), the same bits on every floor ──────────────
def random_bits(count, seed, offset):
    """Words offset … offset + count − 1 of ``seed``'s Philox4x32-10 stream (Salmon et al., 2011) → uint32.

    Word w is word w mod 4 of the block with 64-bit counter w div 4 (two low words first, upper two 0)
    under the key (low, high) of the 64-bit seed.
    """


def dropout(x, p, seed, offset):
    """y[i] = x[i] / (1 − p) if u_i ≥ p else 0, with u_i = (word offset + i of the stream) / 2³².

    No mask is kept: the gradient is ``dropout(dy, p, seed, offset)``.
    """


# ── optimizers: in place ─────────────────────────────────────────────────────────────────────────
def sgd_step(param, grad, buffer, lr, momentum, dampening, weight_decay, nesterov, first):
    """g += λ·param;  v = g if first else μ·v + (1−dampening)·g;  param −= lr · (g + μ·v if nesterov else v).

    buffer v: None without momentum (then v = g). grad is left as it was.
    """


def adam_step(param, grad, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """Adam (Kingma & Ba, 2015), AdamW with ``decoupled`` (Loshchilov & Hutter, 2019); step counts from 1.

    m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²;  param −= lr · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + eps)
    weight decay: g += λ·param before, or, decoupled, param −= lr·λ·param before.
    """


def adagrad_step(param, grad, total, lr, eps, weight_decay):
    """total += g²;  param −= lr · g / (√total + eps), with g += λ·param first (Duchi et al., 2011)."""


def clip_global_norm(grads, max_norm):
    """All grads times min(1, max_norm / (‖·‖ + 1e-6)) (Pascanu et al., 2013) → ‖·‖ before (0-d), new grads.

    ‖·‖ is the Euclidean norm over all arrays of the list together. The given arrays are not written
    to: two parameters may share one gradient array. A non-finite norm leaves the values as they are.
    """
