"""The rows of bench/native.ts in PyTorch and NumPy, one thread.

One JSON object a line: a request comes in, an answer goes out. The first line out says what is installed and which BLAS it found.
Data are those of bench/network.ts to the bit, so that the answers can be compared. Gradients per example are vmap(grad), from torch.func
or from functorch before it.
"""

import ctypes
import json
import math
import os
import re
import sys
import time

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")})

import numpy as np  # noqa: E402: the variables must be set before
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.set_num_threads(1)
try:
    from torch.func import grad_and_value, vmap
except ImportError:
    try:
        from functorch import grad_and_value, vmap
    except ImportError:
        grad_and_value = vmap = None

SIDE, CLASSES = 28, 10


def uniform(seed, n):
    """n numbers in [0, 1): splitmix32, as tests/support/data.ts has it."""
    z = np.uint32(seed) + np.arange(1, n + 1, dtype=np.uint32) * np.uint32(0x9E3779B9)
    z = (z ^ (z >> np.uint32(16))) * np.uint32(0x21F0AAAD)
    z = (z ^ (z >> np.uint32(15))) * np.uint32(0x735A2D97)
    return (z ^ (z >> np.uint32(15))) / 2.0**32


def start(network, m):
    """Weights as PyTorch has them (OIHW, [out, in]), images NCHW, labels."""
    shapes, side, channels = [], SIDE, 1
    for outputs in network["filters"]:
        shapes += [[network["kernel"], network["kernel"], channels, outputs], [outputs]]
        side, channels = side // 2, outputs
    inputs = side * side * channels
    for outputs in network["units"]:
        shapes += [[inputs, outputs], [outputs]]
        inputs = outputs
    weights = []
    for i, shape in enumerate(shapes):
        fans = math.prod(shape[:-2]) * sum(shape[-2:])
        limit = 0.1 if len(shape) == 1 else math.sqrt(6 / fans)
        value = (limit * (2 * uniform(i + 10, math.prod(shape)) - 1)).astype(np.float32).reshape(shape)
        if len(shape) == 4:
            value = value.transpose(3, 2, 0, 1)
        elif len(shape) == 2:
            if i == 2 * len(network["filters"]) and i > 0:  # the flattened image is NHWC there, NCHW here
                value = value.reshape(side * side, channels, -1).transpose(1, 0, 2).reshape(shape)
            value = value.T
        weights.append(torch.from_numpy(np.ascontiguousarray(value)))
    x = torch.from_numpy(uniform(1, m * SIDE * SIDE).astype(np.float32)).reshape(m, 1, SIDE, SIDE)
    labels = torch.from_numpy(np.floor(CLASSES * uniform(2, m)).astype(np.int64))
    half = m // 2
    x[half : 2 * half], labels[half : 2 * half] = x[:half], (labels[:half] + 1) % CLASSES
    return weights, x, labels


def logits(network, weights, x):
    layers = iter(zip(weights[::2], weights[1::2]))
    for _ in network["filters"]:
        kernel, bias = next(layers)
        x = F.max_pool2d(F.relu(F.conv2d(x, kernel, bias, padding="same")), 2)
    x = x.flatten(1)
    for kernel, bias in list(layers)[:-1]:
        x = F.relu(F.linear(x, kernel, bias))
    return F.linear(x, *weights[-2:])


def step(r):
    """One SGD step, its loss read back; the answer is the loss before and after the first step."""
    weights, x, labels = start(r["network"], r["batch"])
    for w in weights:
        w.requires_grad_(True)

    def run():
        loss = F.cross_entropy(logits(r["network"], weights, x), labels)
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            torch._foreach_add_(weights, gradients, alpha=-r["rate"])
        return loss.item()

    return run, lambda: [run(), run()]


def clipped(r):
    """As step, every example's gradient cut to the norm `clip` and, with `sigma`, normal noise added to their sum."""
    if vmap is None:
        raise RuntimeError("no vmap: it comes with PyTorch 2, or with functorch before it")
    weights, x, labels = start(r["network"], r["batch"])
    m = r["batch"]

    def loss_of(w, one, label):
        return F.cross_entropy(logits(r["network"], w, one[None]), label[None])

    per_example = vmap(grad_and_value(loss_of), (None, 0, 0))

    def run():
        gradients, losses = per_example(weights, x, labels)
        norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients]).norm(dim=0)
        factors = (r["clip"] / norms).clamp(max=1)
        sums = [torch.tensordot(factors, g, 1) for g in gradients]
        if r["sigma"] > 0:
            sums = [s + torch.randn_like(s) * (r["sigma"] * r["clip"]) for s in sums]
        torch._foreach_add_(weights, sums, alpha=-r["rate"] / m)
        return losses.mean().item()

    return run, lambda: [run(), run()] if r["sigma"] == 0 else []


def gemm(r):
    n = r["n"]
    a, b = (torch.from_numpy(uniform(seed, n * n).astype(np.float32)).reshape(n, n) for seed in (1, 2))
    c = torch.empty(n, n)
    return lambda: torch.mm(a, b, out=c), lambda: [float(torch.mm(a, b)[0, 0]), float(torch.mm(a, b)[-1, -1])]


def noise(r):
    n, sigma = r["n"], r["sigma"]
    generator = np.random.default_rng(1)
    if r["in"] == "numpy":
        x = uniform(1, n).astype(np.float32)
        return lambda: x + sigma * generator.standard_normal(n, dtype=np.float32), list
    x = torch.from_numpy(uniform(1, n).astype(np.float32))
    return lambda: x + torch.randn(n) * sigma, list


def mean(r):
    """The updates lie in one matrix, so that the mean is a product."""
    shares = np.array(r["weights"], dtype=np.float32)
    shares /= shares.sum()
    rows = np.stack([uniform(k + 1, r["n"]).astype(np.float32) for k in range(len(shares))])
    if r["in"] == "torch":
        shares, rows = torch.from_numpy(shares), torch.from_numpy(rows)
    return lambda: shares @ rows, lambda: [float(v) for v in (shares @ rows)[[0, -1]]]


WORK = {"step": step, "clipped": clipped, "gemm": gemm, "noise": noise, "mean": mean}
prepared = {}


def answer(r):
    """Milliseconds of iterations over about r["ms"], after a warm-up; the first time also the answer to check."""
    key = json.dumps(r["work"])
    first = key not in prepared
    if first:
        run, check = WORK[r["work"]["kind"]](r["work"])
        checked = check()
        prepared[key] = run
    run = prepared[key]
    for _ in range(2):
        run()
    samples, end = [], time.perf_counter() + r["ms"] / 1000
    while len(samples) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        samples.append((time.perf_counter() - begin) * 1000)
    return {"samples": samples, **({"answer": checked} if first else {})}


def blas():
    """Files of a BLAS that this process has mapped, what OpenBLAS says of itself, and the rate of a product."""
    try:
        with open("/proc/self/maps") as maps:
            files = sorted({line.split()[-1] for line in maps if re.search(r"/lib[^/]*(blas|mkl|blis|atlas)[^/]*\.so", line)})
    except OSError:
        files = []
    about = ""
    for file in files:
        try:
            config = ctypes.CDLL(file).openblas_get_config
        except (AttributeError, OSError):
            continue
        config.restype = ctypes.c_char_p
        about = config().decode()
    n, times = 512, []
    a = torch.ones(n, n)
    for _ in range(10):
        begin = time.perf_counter()
        torch.mm(a, a)
        times.append(time.perf_counter() - begin)
    built = re.findall(r"BLAS_INFO=(\w+)", torch.__config__.show())
    return {"files": files, "about": about, "torch": built, "gflops": 2 * n**3 / min(times) / 1e9}


def say(value):
    print(json.dumps(value), flush=True)


say({"python": sys.version.split()[0], "torch": torch.__version__, "numpy": np.__version__, "vmap": vmap is not None, "blas": blas()})
for line in sys.stdin:
    try:
        say(answer(json.loads(line)))
    except Exception as error:  # the runner shows it in the row
        say({"error": f"{type(error).__name__}: {error}"})
