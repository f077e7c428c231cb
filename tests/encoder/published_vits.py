"""Vision transformers as they were published, written down again in plain tensor algebra.

State dicts under the published key names, and their features by an implementation that shares nothing with
timm. Shapes: (B, 3, h, w) in, (B, D) out.
"""

import torch
import torch.nn.functional as F

EPS = 1e-6


def dinov2_state(dim, depth, *, patch=14, grid=37, registers=0, seed=0, mlp=4, scale=0.2):
    """Key names of the original DINOv2 code."""
    state = _trunk(dim, depth, patch, grid, seed, mlp, scale)
    make = _maker(seed + 1, scale)
    for n in range(depth):
        state[f"blocks.{n}.ls1.gamma"] = make(dim)
        state[f"blocks.{n}.ls2.gamma"] = make(dim)
    state["mask_token"] = make(1, dim)
    if registers:
        state["register_tokens"] = make(1, registers, dim)
    return state


def mae_state(dim, depth, *, patch=16, grid=14, seed=0, mlp=4, decoder=32, scale=0.2):
    """Key names of the masked autoencoder's code, with its decoder, as RETFound's files hold them."""
    state = _trunk(dim, depth, patch, grid, seed, mlp, scale)
    make = _maker(seed + 1, scale)
    state["mask_token"] = make(1, 1, decoder)
    state["decoder_pos_embed"] = make(1, grid * grid + 1, decoder)
    for name, shape in (("decoder_embed", (decoder, dim)), ("decoder_pred", (patch * patch * 3, decoder))):
        state[f"{name}.weight"], state[f"{name}.bias"] = make(*shape), make(shape[0])
    for name in ("decoder_norm", "decoder_blocks.0.norm1"):
        state[f"{name}.weight"], state[f"{name}.bias"] = make(decoder), make(decoder)
    return state


def clip_state(dim, depth, *, patch=16, grid=14, seed=0, mlp=4, scale=0.2):
    """Key names of OpenCLIP around an image tower of timm, with a text tower, as BiomedCLIP's file holds them."""
    state = {f"visual.trunk.{key}": value for key, value in _trunk(dim, depth, patch, grid, seed, mlp, scale).items()}
    make = _maker(seed + 1, scale)
    state["visual.head.proj.weight"] = make(8, dim)
    state["text.transformer.embeddings.position_ids"] = torch.arange(5)[None]
    state["text.transformer.embeddings.word_embeddings.weight"] = make(5, 8)
    state["text.proj.0.weight"] = make(8, 8)
    state["logit_scale"] = make()
    return state


def teacher_state(state):
    """Give a training checkpoint of DINOv2's teacher, its heads beside the backbone."""
    teacher = {f"backbone.{key}": value for key, value in state.items()}
    teacher["dino_head.mlp.0.weight"] = torch.ones(3, 3)
    teacher["ibot_head.last_layer.weight_g"] = torch.ones(3, 1)
    return {"teacher": teacher, "iteration": 5}


def chunked_state(state, chunk=1):
    """Rename an original DINOv2 state to the key names of training in chunks of blocks."""
    out = {}
    for key, value in state.items():
        if key.startswith("blocks."):
            number = int(key.split(".")[1])
            key = f"blocks.{number // chunk}." + key.removeprefix("blocks.")
        out[key] = value
    return out


def timm_state(state):
    """Rename an original DINOv2 state to timm's: registers have no position, the class token's is added to it."""
    out = {key: value for key, value in state.items() if key != "mask_token"}
    if "register_tokens" in out:
        out["reg_token"] = out.pop("register_tokens")
        out["cls_token"] = out["cls_token"] + out["pos_embed"][:, :1]
        out["pos_embed"] = out["pos_embed"][:, 1:]
    return out


def hugging_face_classifier_state(state):
    """Give the key names of Hugging Face's Dinov2ForImageClassification."""
    kind = "dinov2_with_registers" if "register_tokens" in state else "dinov2"
    out = {f"{kind}.{key}": value for key, value in hugging_face_state(state).items()}
    return {**out, "classifier.weight": torch.ones(2, 2), "classifier.bias": torch.ones(2)}


def hugging_face_state(state):
    """Rename an original DINOv2 state to the key names of Hugging Face's Dinov2Model."""
    out = {}
    for key, value in state.items():
        if key in ("cls_token", "mask_token", "register_tokens"):
            out[f"embeddings.{key}"] = value
        elif key == "pos_embed":
            out["embeddings.position_embeddings"] = value
        elif key.startswith("patch_embed.proj."):
            out[key.replace("patch_embed.proj.", "embeddings.patch_embeddings.projection.")] = value
        elif key.startswith("norm."):
            out["layer" + key] = value
        else:
            out |= _hugging_face_block(key, value)
    return out


def _hugging_face_block(key, value):
    _, number, rest = key.split(".", 2)
    base = f"encoder.layer.{number}."
    if rest.startswith("attn.qkv."):
        parts = value.chunk(3)
        suffix = rest.rsplit(".", 1)[1]
        names = ("query", "key", "value")
        return {f"{base}attention.attention.{n}.{suffix}": p for n, p in zip(names, parts, strict=True)}
    rest = rest.replace("attn.proj.", "attention.output.dense.")
    rest = rest.replace("ls1.gamma", "layer_scale1.lambda1").replace("ls2.gamma", "layer_scale2.lambda1")
    return {base + rest: value}


def dinov2_features(state, images, heads, pooling="class"):
    """Give the normalised class token; or the mean of the normalised ``patches``; or that normalised ``again``."""
    x = _tokens(state, images)
    for n in range(_depth(state)):
        x = _block(state, n, x, heads, state[f"blocks.{n}.ls1.gamma"], state[f"blocks.{n}.ls2.gamma"])
    x = F.layer_norm(x, x.shape[-1:], state["norm.weight"], state["norm.bias"], EPS)
    if pooling == "class":
        return x[:, 0]
    first = 1 + (state["register_tokens"].shape[1] if "register_tokens" in state else 0)
    mean = x[:, first:].mean(dim=1)
    return F.layer_norm(mean, mean.shape[-1:], eps=EPS) if pooling == "again" else mean


def mae_features(state, images, heads):
    """The patch tokens' mean, without the class token, normalised without an affine part."""
    x = _tokens(state, images)
    for n in range(_depth(state)):
        x = _block(state, n, x, heads, 1.0, 1.0)
    return F.layer_norm(x[:, 1:].mean(dim=1), x.shape[-1:], eps=EPS)


def clip_features(state, images, heads):
    """The normalised class token of OpenCLIP's image tower, before the projection."""
    trunk = {key.removeprefix("visual.trunk."): v for key, v in state.items() if key.startswith("visual.trunk.")}
    x = _tokens(trunk, images)
    for n in range(_depth(trunk)):
        x = _block(trunk, n, x, heads, 1.0, 1.0)
    return F.layer_norm(x[:, 0], x.shape[-1:], trunk["norm.weight"], trunk["norm.bias"], EPS)


def positions(embeddings, side):
    """Resample square position embeddings (1, 1 + n * n, D) to another side; the class token's stays.

    Separable cubic convolution (Keys, 1981, a = -1/2), the kernel widened where the grid shrinks.
    """
    grid = embeddings[0, 1:]
    old = round(len(grid) ** 0.5)
    if old == side:
        return embeddings
    step = old / side
    widened = max(step, 1.0)
    centres = (torch.arange(side, dtype=torch.float64) + 0.5) * step
    t = ((torch.arange(old, dtype=torch.float64) + 0.5)[None] - centres[:, None]).abs() / widened
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    kernel = torch.where(t < 1, near, torch.where(t < 2, far, 0.0))
    kernel = kernel / kernel.sum(1, keepdim=True)
    new = torch.einsum("ia,jb,abd->ijd", kernel, kernel, grid.double().reshape(old, old, -1))
    return torch.cat([embeddings[:, :1], new.reshape(1, side * side, -1).to(embeddings.dtype)], dim=1)


def _tokens(state, images):
    weight = state["patch_embed.proj.weight"]
    patches = F.conv2d(images, weight, state["patch_embed.proj.bias"], stride=weight.shape[-1])
    x = patches.flatten(2).transpose(1, 2)
    x = torch.cat([state["cls_token"].expand(len(x), -1, -1), x], dim=1) + positions(
        state["pos_embed"], patches.shape[-1]
    )
    if "register_tokens" in state:
        registers = state["register_tokens"].expand(len(x), -1, -1)
        x = torch.cat([x[:, :1], registers, x[:, 1:]], dim=1)
    return x


def _block(state, n, x, heads, scale1, scale2):
    def of(name):
        return state[f"blocks.{n}.{name}.weight"], state[f"blocks.{n}.{name}.bias"]

    y = F.layer_norm(x, x.shape[-1:], *of("norm1"), EPS)
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in F.linear(y, *of("attn.qkv")).chunk(3, -1))
    attention = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
    x = x + scale1 * F.linear((attention @ v).transpose(1, 2).flatten(2), *of("attn.proj"))
    y = F.layer_norm(x, x.shape[-1:], *of("norm2"), EPS)
    return x + scale2 * F.linear(F.gelu(F.linear(y, *of("mlp.fc1"))), *of("mlp.fc2"))


def _depth(state):
    return 1 + max(int(key.split(".")[1]) for key in state if key.startswith("blocks."))


def _maker(seed, scale):
    generator = torch.Generator().manual_seed(seed)

    def make(*shape):
        if torch.get_default_device().type == "meta":
            return torch.empty(shape)
        return torch.randn(shape, generator=generator) * scale

    return make


def _trunk(dim, depth, patch, grid, seed, mlp, scale):
    make = _maker(seed, scale)
    state = {
        "cls_token": make(1, 1, dim),
        "pos_embed": make(1, grid * grid + 1, dim),
        "patch_embed.proj.weight": make(dim, 3, patch, patch),
        "patch_embed.proj.bias": make(dim),
        "norm.weight": make(dim),
        "norm.bias": make(dim),
    }
    for n in range(depth):
        for name, shape in (
            ("norm1", (dim,)),
            ("attn.qkv", (3 * dim, dim)),
            ("attn.proj", (dim, dim)),
            ("norm2", (dim,)),
            ("mlp.fc1", (mlp * dim, dim)),
            ("mlp.fc2", (dim, mlp * dim)),
        ):
            state[f"blocks.{n}.{name}.weight"], state[f"blocks.{n}.{name}.bias"] = make(*shape), make(shape[0])
    return state
