"""Vision transformers as they were published, written down again in plain tensor algebra.

State dicts under the published key names, and their features by an implementation that shares nothing with
timm. Shapes: (B, 3, h, w) in, (B, D) out.
"""

import torch
import torch.nn.functional as F

EPS = 1e-6


def dinov2_state(dim, depth, *, patch=14, grid=37, registers=0, seed=0, mlp=4):
    """Key names of the original DINOv2 code."""
    state = _trunk(dim, depth, patch, grid, seed, mlp)
    make = _maker(seed + 1)
    for n in range(depth):
        state[f"blocks.{n}.ls1.gamma"] = make(dim)
        state[f"blocks.{n}.ls2.gamma"] = make(dim)
    state["mask_token"] = make(1, dim)
    if registers:
        state["register_tokens"] = make(1, registers, dim)
    return state


def mae_state(dim, depth, *, patch=16, grid=14, seed=0, mlp=4, decoder=32):
    """Key names of the masked autoencoder's code, with its decoder, as RETFound's files hold them."""
    state = _trunk(dim, depth, patch, grid, seed, mlp)
    make = _maker(seed + 1)
    state["mask_token"] = make(1, 1, decoder)
    state["decoder_pos_embed"] = make(1, grid * grid + 1, decoder)
    for name, shape in (("decoder_embed", (decoder, dim)), ("decoder_pred", (patch * patch * 3, decoder))):
        state[f"{name}.weight"], state[f"{name}.bias"] = make(*shape), make(shape[0])
    for name in ("decoder_norm", "decoder_blocks.0.norm1"):
        state[f"{name}.weight"], state[f"{name}.bias"] = make(decoder), make(decoder)
    return state


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


def dinov2_features(state, images, heads):
    """The normalised class token."""
    x = _tokens(state, images)
    for n in range(_depth(state)):
        x = _block(state, n, x, heads, state[f"blocks.{n}.ls1.gamma"], state[f"blocks.{n}.ls2.gamma"])
    return F.layer_norm(x[:, 0], x.shape[-1:], state["norm.weight"], state["norm.bias"], EPS)


def mae_features(state, images, heads):
    """The patch tokens' mean, without the class token, normalised without an affine part."""
    x = _tokens(state, images)
    for n in range(_depth(state)):
        x = _block(state, n, x, heads, 1.0, 1.0)
    return F.layer_norm(x[:, 1:].mean(dim=1), x.shape[-1:], eps=EPS)


def _tokens(state, images):
    weight = state["patch_embed.proj.weight"]
    patches = F.conv2d(images, weight, state["patch_embed.proj.bias"], stride=weight.shape[-1])
    x = patches.flatten(2).transpose(1, 2)
    x = torch.cat([state["cls_token"].expand(len(x), -1, -1), x], dim=1) + state["pos_embed"]
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


def _maker(seed):
    generator = torch.Generator().manual_seed(seed)

    def make(*shape):
        if torch.get_default_device().type == "meta":
            return torch.empty(*shape)
        return torch.randn(*shape, generator=generator) * 0.2

    return make


def _trunk(dim, depth, patch, grid, seed, mlp):
    make = _maker(seed)
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
