# %% [markdown] lang="en"
# # 08 · The cost function
#
# *Shuffle all positions of a layer's features, and the style cost does not notice. That is why it is a cost of
# style.* Here the cost of notebook 06 is taken apart: what it sees, what it cannot see, and what its minimum looks like.
#
# **After this you can**
# - compute J_content, the Gram matrix, J_style and J by hand, and say what each is divided by;
# - show what a layer still knows of the content, and what the Gram matrices know of the style;
# - say what the Gram matrix forgets, prove it, and show what it keeps;
# - choose start, weights, layers and optimiser by what they do, and recognise the usual mistakes.
#
# **You need** notebook 06 for the pictures, notebook 07 for what the layers see.
# **Run time:** about 100 seconds on 2 CPU cores.

# %% [markdown] lang="zh"
# # 08 · 代价函数
#
# *把某一层特征的所有位置打乱，风格代价毫无察觉。正因为如此，它才是“风格”的代价。* 本课把第 06 课的代价拆开来看：它看
# 得见什么，看不见什么，它的最小值又是什么样子。
#
# **学完本课，你能够**
# - 手算 J_content、格拉姆矩阵、J_style 和 J，并说出每一项除以什么；
# - 展示一层还记得多少内容，格拉姆矩阵又记得多少风格；
# - 说出格拉姆矩阵忘掉了什么，并加以证明；再用例子说明它留住了什么；
# - 根据效果来选择起点、权重、层和优化器，并认出常见的错误。
#
# **预备知识：** 第 06 课的图，以及第 07 课讲的各层看到什么。
# **运行时间：** 双核 CPU 约 100 秒。

# %% tags=["setup"]
import io

import matplotlib.pyplot as plt
import numpy as np
from IPython import display
from PIL import Image

from course_utils import data, exercises, plots
from course_utils.session import start_session

rng = start_session(seed=0)
import tensorflow as tf

from course_utils import losses, models, tensors, visualization
from course_utils.style_transfer import Costs, Descent, transfer_style

plots.use_course_style()

# %% tags=["settings"]
SIDE = 128  # pixels of the longer side
STEPS = 32  # evaluations of the cost at each size, at most
CONTENT_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv2", "block5_conv2")
STYLE_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
BETAS = (1, 4, 16)  # weights of the style; the content weighs α = 1

# %% [markdown] lang="en"
# ## 1 · The cost by hand
#
# $$J(G) = \alpha\,J_\text{content}(C, G) + \beta\,J_\text{style}(S, G)$$
#
# $C$ is the content image, $S$ the style image, and $G$, the generated image, is what we change.
# (The lecture's text says once that G gets "the style of G"; it is the style of **S**.) Let
# $a_{ijk}$ be the activations of one layer: row $i$, column $j$, channel $k$, $H \cdot W$
# positions, $K$ channels. Content means the same activations at the same places:
#
# $$J_\text{content}(C, G) = \frac{1}{4\,H\,W\,K} \sum_{ijk} \big(a_{ijk}(C) - a_{ijk}(G)\big)^2$$
#
# Style means: which channels fire *together*, wherever. The products of channels $k$ and $m$, averaged over all positions,
# are the **Gram matrix**, the lecture's style matrix:
#
# $$G_{km} = \frac{1}{H\,W} \sum_{ij} a_{ijk}\,a_{ijm} \qquad
# J_\text{style}(S, G) = \frac{1}{4\,K^2} \sum_{km} \big(G_{km}(S) - G_{km}(G)\big)^2$$
#
# (The letter $G$ has two meanings: alone it is the generated image, with indices a Gram matrix. The
# lecture calls the entries correlations, but no mean is subtracted.) Both costs are a quarter of a
# mean squared difference. Gatys et al. sum over positions and divide in the cost: for images of one
# size their J_style of a layer is the same number; their J_content is half the sum, undivided.
# Means let S be larger than G. Their network is VGG-19, ours a VGG-16 that was fine-tuned for
# outlines (notebook 07).
#
# Two rows, two columns, two channels can be done on paper:

# %% [markdown] lang="zh"
# ## 1 · 手算代价
#
# $$J(G) = \alpha\,J_\text{content}(C, G) + \beta\,J_\text{style}(S, G)$$
#
# $C$ 是内容图，$S$ 是风格图，生成图 $G$ 则是我们要改变的。（课堂讲义里有一处笔误，说 G 要有“G 的风格”，应当是 **S** 的
# 风格。）设 $a_{ijk}$ 是某一层的激活：第 $i$ 行、第 $j$ 列、第 $k$ 个通道，共 $H \cdot W$ 个位置、$K$ 个通道。内容相
# 同，就是在相同的位置上有相同的激活：
#
# $$J_\text{content}(C, G) = \frac{1}{4\,H\,W\,K} \sum_{ijk} \big(a_{ijk}(C) - a_{ijk}(G)\big)^2$$
#
# 风格相同，则是同样的通道*一起*激活，在哪里都行。把通道 $k$ 与 $m$ 的乘积对所有位置取平均，就得到**格拉姆矩阵**，也就
# 是课堂上的风格矩阵：
#
# $$G_{km} = \frac{1}{H\,W} \sum_{ij} a_{ijk}\,a_{ijm} \qquad
# J_\text{style}(S, G) = \frac{1}{4\,K^2} \sum_{km} \big(G_{km}(S) - G_{km}(G)\big)^2$$
#
# （字母 $G$ 有两个意思：单独写是生成图，带下标是格拉姆矩阵。课堂上把矩阵的元素叫作相关性，但这里并没有减去平均值。）
# 两个代价都是差的平方的平均值的四分之一。Gatys 等人对位置求和，到代价里再除；图像大小相同时，他们一层的 J_style 与我
# 们的是同一个数；他们的 J_content 则是平方和的一半，不再除。用平均值，S 就可以比 G 大。他们用的是 VGG-19，我们用的是
# 为画轮廓而微调过的 VGG-16（见第 07 课）。
#
# 两行、两列、两个通道，在纸上就能算：

# %%
a_C = np.array([[[1, 0], [2, 1]], [[0, 3], [1, 1]]], dtype=float)  # row, column, channel
a_G = np.array([[[1, 1], [2, 0]], [[1, 3], [1, 1]]], dtype=float)
a_S = np.array([[[3, 1], [0, 0]], [[1, 1], [2, 0]]], dtype=float)


def content_cost(content, generated):
    return np.sum((content - generated) ** 2) / (4 * generated.size)


def gram_matrix(features):
    flat = features.reshape(-1, features.shape[-1])  # positions × channels
    return flat.T @ flat / len(flat)


def layer_style_cost(style, generated):
    num_channels = style.shape[-1]
    difference = gram_matrix(style) - gram_matrix(generated)
    return np.sum(difference**2) / (4 * num_channels**2)


print("J_content =", content_cost(a_C, a_G))
print("Gram matrix of S:", gram_matrix(a_S).tolist(), " of G:", gram_matrix(a_G).tolist())
print("J_style =", layer_style_cost(a_S, a_G))

# %% [markdown] lang="en"
# Three activations differ by 1: J_content = 3 / (4 · 8). In S the channels fire together at two of four places, (3, 1)
# and (1, 1): $G_{12} = (3 + 0 + 1 + 0)/4 = 1$. J_style = (1.75² + 2 · 0.25² + 2.25²) / (4 · 4). The package does the same for
# batches, layers and any float type:

# %% [markdown] lang="zh"
# 有三个激活各差 1：J_content = 3 / (4 · 8)。在 S 里，两个通道在四个位置中的两处一起激活，即 (3, 1) 和 (1,
# 1)：$G_{12} = (3 + 0 + 1 + 0)/4 = 1$。J_style = (1.75² + 2 · 0.25² + 2.25²) / (4 · 4)。软件包里的函数算的是同样的东
# 西，还支持批量、多层和任意浮点类型：

# %%
J_content = losses.content_cost(a_C[None], a_G[None])
J_style = losses.layer_style_cost(a_S[None], a_G[None])
assert np.isclose(float(J_content[0]), content_cost(a_C, a_G))
assert np.isclose(float(J_style[0]), layer_style_cost(a_S, a_G))
assert np.allclose(tensors.gram_matrix(a_S[None])[0], gram_matrix(a_S))
print("J =", float(losses.total_cost(J_content, J_style, alpha=10, beta=40)[0]))

# %% [markdown] lang="en"
# ## 2 · On real features
#
# The layers of a real network speak in different voices. Below, for each style layer: J_style between a photo and a
# painting, and what it would be if G left the layer silent (all activations 0).

# %% [markdown] lang="zh"
# ## 2 · 真实的特征
#
# 真实网络的各层，“嗓门”相差很大。下面对每个风格层给出两个数：照片与画之间的 J_style，以及假如 G 让这一层完全沉默（激
# 活全为 0）时的 J_style。

# %% tags=["nbval-ignore-output"]
C = data.load_photos(["china"], max_side=SIDE)["china"]
S = data.load_style("swirling_night", image_size=C.shape[:2])
trunk = models.build_vgg_features(STYLE_LAYERS)


def features_of(image):
    return {name: maps.numpy()[0] for name, maps in trunk(image[None].astype("float32")).items()}


seen_C, seen_S = features_of(C), features_of(S)
apart = [layer_style_cost(seen_S[name], seen_C[name]) for name in STYLE_LAYERS]
silence = [layer_style_cost(seen_S[name], 0 * seen_S[name]) for name in STYLE_LAYERS]
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 2.8))
places = np.arange(len(STYLE_LAYERS))
left.plot(places, apart, "o-", label="photo against painting")
left.plot(places, silence, "s--", label="silence against painting")
left.set(yscale="log", ylabel="J_style of the layer", title="As they are")
left.legend(loc="upper right", fontsize=8)
right.bar(places, np.divide(apart, silence), color=plots.COLORS["third"])
right.set(ylabel="share of the cost of silence", title="Divided by silence")
for ax in (left, right):
    ax.set_xticks(places, [name.replace("_", "\n") for name in STYLE_LAYERS])
plt.show()
print(f"loudest layer over quietest: {max(silence) / min(silence):,.0f}")

# %%
assert max(silence) > 1000 * min(silence)
assert apart[1] > sum(apart) * 2 / 3
assert apart[4] > 0.9 * silence[4]

# %% [markdown] lang="en"
# With equal λ the sum would be little but the cost of blocks 1 and 2, and more than two thirds of
# it that of block 2, whose numbers are thousands of times those of block 5. So
# `style_transfer.Costs` divides each layer's cost by that of silence, and the content's likewise: 1
# means "as far as if G left the layer silent". Divided, the layers speak about equally loud
# (right), and in block 5 this photo is almost as far from the painting as silence is. (Gatys et al.
# rescaled the network instead, so that each channel's mean activation is 1. Many published programs
# keep the raw numbers and use weights such as 10⁴ and 10⁻², which then fit one network only.)
#
# The package's J has a third term, a price for noise: γ times the mean step between neighbouring
# pixels (the total variation). γ is 3 unless `smoothness` says otherwise, as it does in the next
# two sections.
#
# ## 3 · What a layer still knows of the content
#
# The first famous experiment: forget the photo, keep only its activations in *one* layer, start from noise, and let
# J_content descend (β = 0).

# %% [markdown] lang="zh"
# 如果 λ 全部相等，总和就几乎只剩第 1、2 块的代价，其中三分之二以上来自第 2 块：它的数值是第 5 块的几千倍。所以
# `style_transfer.Costs` 把每层的代价除以沉默的代价，内容代价也一样：等于 1，就是和 G 让这一层沉默时一样远。除过之后，各
# 层的“嗓门”就差不多了（右图）；在第 5 块，这张照片离画几乎和沉默一样远。（Gatys 等人的办法是缩放网络的权重，使每个通道
# 的平均激活为 1。许多公开的程序直接用原始数值，再配上 10⁴、10⁻² 这样的权重，这样一组权重就只适合一个网络。）
#
# 软件包的 J 里还有第三项，是对噪点的惩罚：γ 乘以相邻像素之差的平均（总变差）。γ 等于 3，除非用 `smoothness` 另行指定，
# 接下来的两节就是这样。
#
# ## 3 · 一层还记得多少内容
#
# 第一个著名的实验：丢掉照片，只留下它在*某一层*的激活，从噪声出发，让 J_content 下降（β = 0）。

# %% tags=["nbval-ignore-output"]
from_noise = Descent(steps=STEPS, start="noise")
contents = {
    name: transfer_style(
        C, S, costs=Costs(content_layers={name: 1.0}, beta=0, smoothness=1.0), descent=from_noise
    )
    for name in CONTENT_LAYERS
}
_, ax = plt.subplots(figsize=(7.8, 4.2))
plots.plot_image_grid(
    [C, *(result.image for result in contents.values())],
    num_columns=3,
    captions=["C", *CONTENT_LAYERS],
    ax=ax,
)
plt.show()
correlations = {
    name: np.corrcoef(result.image.ravel(), C.ravel())[0, 1] for name, result in contents.items()
}
for name, result in contents.items():
    cost = result.history.content[-1]
    print(f"{name}: J_content {cost:.3f}, correlation with C's pixels {correlations[name]:.2f}")

# %%
assert correlations["block1_conv2"] > 0.9 > correlations["block3_conv3"]
assert abs(correlations["block5_conv2"]) < 0.3

# %% [markdown] lang="en"
# From block 1 the photo comes back nearly pixel by pixel. From block 2 on the colours drift; blocks
# 3 and 4 still hold the tower's outline, roof above roof, but in colours that the layer does not
# care about (this trunk was fine-tuned for outlines, notebook 07); from block 5 little can be
# recognised. (The correlation compares levels of colour; it does not see that an outline has
# survived.) A deep layer leaves G the freedom to look different. So J_content is taken in block 4,
# as by Gatys et al.
#
# How much of the last picture is the layer's doing? J_content has fallen to a few hundredths of
# silence everywhere, so most of what the layer says is met. But more evaluations might still bring
# more back, and in the paper of Gatys et al., with a VGG-19 that was trained on objects, the photo
# can be recognised even from block 5.
#
# ## 4 · What the Gram matrices know of the style
#
# The second experiment: forget the painting, keep its Gram matrices, from block 1 alone to all five blocks, and descend
# from the same noise with α = 0.

# %% [markdown] lang="zh"
# 由第 1 块，可以把照片几乎逐个像素地还原出来。从第 2 块起，颜色开始走样；第 3、4 块还保留着楼阁一层层屋檐的轮廓，颜色
# 却随意了，因为那一层不在乎颜色（这个主干为画轮廓而微调过，见第 07 课）；由第 5 块就认不出多少东西了。（相关系数比较
# 的是颜色的数值，轮廓还在不在，它看不出来。）深层给了 G 变样的自由，所以 J_content 取在第 4 块，与 Gatys 等人相同。
#
# 最后一张认不出来，是不是都怪那一层？各层的 J_content 都降到了沉默的百分之几，说明该层的要求大体已经满足。但再多算几
# 次，也许还能找回一些；而在 Gatys 等人的论文里，用的是以物体分类训练的 VGG-19，由第 5 块仍然认得出照片。
#
# ## 4 · 格拉姆矩阵记得多少风格
#
# 第二个实验：丢掉画，只留下它的格拉姆矩阵，先只用第 1 块，再逐块增加到五块；从同样的噪声出发，取 α = 0。

# %%
textures = [
    transfer_style(
        C,
        S,
        costs=Costs(
            style_layers=dict.fromkeys(STYLE_LAYERS[:count], 1 / count), alpha=0, smoothness=0
        ),
        descent=from_noise,
    ).image
    for count in range(1, 6)
]
_, ax = plt.subplots(figsize=(7.8, 4.2))
labels = ["block 1", *(f"blocks 1 to {count}" for count in range(2, 6))]
plots.plot_image_grid([S, *textures], num_columns=3, captions=["S", *labels], ax=ax)
plt.show()

# %% [markdown] lang="en"
# Block 1 knows the palette and spots of it. With block 2 there are strokes, whirls and yellow blobs
# like stars. **The surprise:** more blocks do not make it better here, only grainier. Perhaps it is
# that each gets a smaller λ, and the same 32 evaluations at each size have more wishes to meet; in
# the paper of Gatys et al. the structures grow with each block. There is no cypress at the left and
# no village below: nothing here says *where*. This is style as this cost understands it: a texture.
#
# ## 5 · What the Gram matrix forgets
#
# $G_{km}$ is a mean over positions, so their order cannot matter: shuffle the positions of the *features* and nothing
# changes. Shuffling the *image* is another matter, for the network looks at neighbours. The painting itself, changed:

# %% [markdown] lang="zh"
# 第 1 块只知道用哪些颜色、斑点多大。加上第 2 块，就有了笔触、漩涡和星星似的黄色斑块。**意外的是：** 再加几块并没有更
# 好，只是颗粒更粗。也许是因为每一块分到的 λ 更小，同样是每种大小 32 次计算，却要满足更多的要求；在 Gatys 等人的论文里，
# 每加一块，结构就更大一些。左边没有柏树，下面没有村庄：这里没有任何东西说明*在哪里*。这就是这个代价所理解的风格：一种纹
# 理。
#
# ## 5 · 格拉姆矩阵忘掉了什么
#
# $G_{km}$ 是对位置的平均，所以次序无关紧要：把*特征*的位置打乱，什么都不变。打乱*图像*就是另一回事了，因为网络看的是
# 相邻像素。下面把画本身变一变：


# %%
def style_distance(image):
    """Mean J_style to S over the five layers; 1 is as far as silence."""
    seen = features_of(np.ascontiguousarray(image))
    costs = [layer_style_cost(seen_S[name], seen[name]) for name in STYLE_LAYERS]
    return np.mean(np.divide(costs, silence))


def shuffled_tiles(image, side):
    """The image cut into squares, which are put back in random order."""
    rows, columns = image.shape[0] // side, image.shape[1] // side
    tiles = image[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    tiles = tiles.swapaxes(1, 2).reshape(-1, side, side, 3)
    tiles = np.random.default_rng(0).permutation(tiles)
    tiles = tiles.reshape(rows, columns, side, side, 3).swapaxes(1, 2)
    return tiles.reshape(rows * side, columns * side, 3)


features = seen_S["block3_conv1"]
order = rng.permutation(features.shape[0] * features.shape[1])
shuffled = features.reshape(-1, features.shape[-1])[order].reshape(features.shape)
assert np.allclose(gram_matrix(features), gram_matrix(shuffled), rtol=1e-4)

# %%
wave = data.load_style("woodblock", image_size=S.shape[:2])
variants = {"mirrored": S[:, ::-1], "upside down": S[::-1]}
variants |= {
    f"tiles of {side}" if side > 1 else "single pixels": shuffled_tiles(S, side)
    for side in (21, 8, 1)
}
variants |= {"the photo C": C, "The Wave": wave}
distances = {name: style_distance(image) for name, image in variants.items()}
_, ax = plt.subplots(figsize=(10.4, 4.1))
height, width = shuffled_tiles(S, 21).shape[:2]
plots.plot_image_grid(
    [S[:height, :width], *(image[:height, :width] for image in variants.values())],
    num_columns=4,
    captions=["S: 0", *(f"{name}: {distances[name]:.2f}" for name in variants)],
    ax=ax,
)
ax.set_title("Mean J_style to S, as a share of silence")
plt.show()

# %%
assert distances["tiles of 21"] < distances["tiles of 8"] < distances["single pixels"]
nearly_s = ("mirrored", "upside down", "tiles of 21")
assert max(distances[name] for name in nearly_s) < 0.5 * distances["The Wave"]
assert distances["single pixels"] > max(distances["The Wave"], distances["the photo C"])
print({name: round(float(distance), 2) for name, distance in distances.items()})

# %% [markdown] lang="en"
# Mirrored, turned upside down, or cut into large tiles and reshuffled, the painting keeps nearly
# all of its style. In tiles of 8 strokes are cut, and it is about as far from itself as The Wave is
# from it; as single pixels it is farther than both The Wave and the photo, though every colour is
# still there. That is the lesson: **the order of the features is forgotten, not the order of the
# pixels.** And a warning: a picture of cost 0.1 is no copy. Upside down, the painting has its
# village in the sky, at a cost of 0.07.
#
# ## 6 · What it keeps: which channels fire together
#
# Divide each entry by the two channels' own: $G_{km} / \sqrt{G_{kk} G_{mm}}$ is 1 if k and m always fire in step and 0 if never together.
# Take the pair in which the night most exceeds the wave, and the pair in which it is the other way round. Where is
# $a_{ijk}\,a_{ijm}$ largest?

# %% [markdown] lang="zh"
# 左右翻转、上下颠倒，或者切成大块再打乱，画的风格大体还在。切成边长 8 像素的小块，笔触就断了，它离自己已经和“海浪”离它
# 差不多远；打散成单个像素，每种颜色一点没少，却比“海浪”和照片都更远。道理就在这里：**忘掉的是特征的次序，而不是像素的次
# 序**。同时也是提醒：代价只有 0.1 的图像并不是复制品。上下颠倒，村庄到了天上，代价也只有 0.07。
#
# ## 6 · 它留住了什么：哪些通道一起激活
#
# 把每一项除以两个通道各自的强度：$G_{km} / \sqrt{G_{kk} G_{mm}}$ 等于 1，说明 k 和 m 总是同步激活；等于 0，说明从不一
# 起激活。取出“夜空”超过“海浪”最多的一对通道，再取出反过来的一对。$a_{ijk}\,a_{ijm}$ 在哪里最大？

# %%
LAYER, PATCHES = "block3_conv1", 6
large = {
    name: data.load_style(name, image_size=(216, 288)) for name in ("swirling_night", "woodblock")
}
maps = {name: features_of(image)[LAYER] for name, image in large.items()}
field = visualization.receptive_field(trunk, LAYER, (216, 288))


def together(features):
    gram = gram_matrix(features)
    loudness = np.sqrt(np.diag(gram))
    return gram / np.outer(loudness, loudness).clip(1e-6), loudness


def strongest_patches(name, pair):
    """Cut-outs where both channels fire most, none overlapping another."""
    product = maps[name][..., pair[0]] * maps[name][..., pair[1]]
    patches, apart = [], field.size[0] // field.stride[0]
    while len(patches) < PATCHES:
        row, column = np.unravel_index(product.argmax(), product.shape)
        product[max(row - apart, 0) : row + apart, max(column - apart, 0) : column + apart] = -1
        top, left = row * field.stride[0] - 10, column * field.stride[1] - 10
        top, left = np.clip(top, 0, 216 - 24), np.clip(left, 0, 288 - 24)
        patches.append(large[name][top : top + 24, left : left + 24])
    return patches


# %%
(night, night_loudness), (wave_together, wave_loudness) = map(together, maps.values())
loud = np.minimum(night_loudness, wave_loudness)
loud = loud > np.median(loud)  # in both paintings: no pair wins because one channel is silent
assert np.count_nonzero(loud) == 128
difference = np.where(np.outer(loud, loud), night - wave_together, 0)
night_pair = np.unravel_index(difference.argmax(), difference.shape)
wave_pair = np.unravel_index(difference.argmin(), difference.shape)
_, axes = plt.subplots(1, 2, figsize=(10.4, 2.6))
for ax, pair, title in (
    (axes[0], night_pair, "a pair of the night"),
    (axes[1], wave_pair, "a pair of the wave"),
):
    patches = strongest_patches("swirling_night", pair) + strongest_patches("woodblock", pair)
    plots.plot_image_grid(patches, num_columns=PATCHES, row_labels=["night", "wave"], ax=ax)
    ax.set_title(f"{title}: channels {pair[0]} and {pair[1]}")
plt.show()
for title, pair in (("night", night_pair), ("wave", wave_pair)):
    print(
        f"pair of the {title}: {night[pair]:.2f} in the night, {wave_together[pair]:.2f} in the wave"
    )

# %% [markdown] lang="en"
# The pair of the wave fires together on the claws of the foam; the pair of the night on the pale
# strokes that rim stars and hills. Each row shows where the product is largest in that painting,
# whether it is large or not. Each pair was chosen from 128 · 127 / 2 = 8,128, all pairs of the
# channels that are loud in both paintings: the largest difference of so many might look telling
# even between two halves of one painting, so take it as a look inside, not as a proof.
#
# ## 7 · From noise, as in the lecture
#
# The lecture's algorithm: start G at random and descend on its pixels. Each frame is G after some more evaluations of J
# and its gradient:

# %% [markdown] lang="zh"
# 属于海浪的那一对，在浪花的“爪子”上一起激活；属于夜空的那一对，则在给星星和山丘镶边的浅色笔触上。每一行都是该画中乘积
# 最大的地方，不论它是否真的大。每一对都是从 128 · 127 / 2 = 8,128 对里挑出来的，即在两幅画里都够强的那些通道两两组成
# 的对：这么多对里差别最大的一对，哪怕只是同一幅画的左右两半相比，也可能显得很有意义。所以这只是往里看一眼，算不上证
# 明。
#
# ## 7 · 像课堂上那样，从噪声开始
#
# 课堂上的算法：G 从随机像素开始，再用梯度下降修改它的每个像素。每一帧都是又计算了若干次 J 及其梯度之后的 G：

# %%
SHOWN = (1, 2, 3, 5, 7, 10, 15, 22, 30, 40, 50, 60)
frames = []
one_size = {"steps": 60, "sizes": 1, "tolerance": 0.0}
runs = {
    "noise": transfer_style(
        C,
        S,
        descent=Descent(start="noise", **one_size),
        callback=lambda m: frames.append(m.image) if m.evaluation in SHOWN else None,
    )
}

# %% tags=["nbval-ignore-output"]
palette = Image.fromarray(np.vstack(frames)).quantize(64)
coded = [Image.fromarray(frame).quantize(palette=palette, dither=0) for frame in frames]
stream = io.BytesIO()
durations = [400] * (len(frames) - 1) + [3000]  # milliseconds
coded[0].save(
    stream, format="PNG", save_all=True, append_images=coded[1:], duration=durations, loop=0
)
display.display(display.Image(stream.getvalue(), format="png", width=2 * SIDE))

# %%
assert len(frames) == len(SHOWN)
_, ax = plt.subplots(figsize=(7.8, 4.2))
picked = (1, 5, 10, 22, 40, 60)
plots.plot_image_grid(
    [frames[SHOWN.index(number)] for number in picked],
    num_columns=3,
    captions=[f"after {number}" for number in picked],
    ax=ax,
)
plt.show()

# %% [markdown] lang="en"
# Nothing says that G must begin as noise. Three other ways to lower the same J: from C itself; from
# C **recoloured** to the palette of S (the default, if it costs less than C); and from the
# recoloured C at **two sizes**, first at half the size, then in full. The last has 50 evaluations
# at each size, which is about as much work as the 60 of the others. (From C itself single pixels
# are moved, as published programs do it; section 10 says how the others differ.)

# %% [markdown] lang="zh"
# 没有谁规定 G 必须从噪声开始。同一个 J，再换三种做法：从 C 本身开始；从**换色**后的 C 开始，即换上 S 的颜色（默认做法，
# 只要它的代价比 C 低）；以及从换色后的 C 开始，分**两种大小**来画，先画一半大小，再画原大小。最后一种每种大小各算 50
# 次，工作量与其他做法的 60 次差不多。（从 C 本身开始的那一次，移动的是单个像素，与公开的程序一样；其他几次有什么不同，
# 见第 10 节。）

# %% tags=["nbval-ignore-output"]
in_pixels = {"start": "content", "smoothing": 0.0, **one_size}  # as published programs do it
runs["C"] = transfer_style(C, S, descent=Descent(**in_pixels))
runs["recoloured C"] = transfer_style(C, S, descent=Descent(**one_size))
runs["two sizes"] = transfer_style(C, S, descent=Descent(steps=50, tolerance=0.0))


def lowest(run):
    return run.history.total[run.history.heights == C.shape[0]].min()


_, ax = plt.subplots(figsize=(6.4, 5.0))
plots.plot_image_grid(
    [run.image for run in runs.values()],
    num_columns=2,
    captions=[f"{name}: J = {lowest(run):.2f}" for name, run in runs.items()],
    ax=ax,
)
plt.show()

# %%
reached = {
    name: np.flatnonzero(run.history.total <= lowest(runs["noise"]))[0]
    for name, run in runs.items()
    if name != "two sizes"
}
assert lowest(runs["recoloured C"]) < lowest(runs["noise"])
assert reached["recoloured C"] < 45 < reached["noise"]
assert max(map(lowest, runs.values())) < 1.4 * min(map(lowest, runs.values()))

# %% [markdown] lang="en"
# From noise, G has hardly found the tower after 60 evaluations: content is easily kept and hard to
# rebuild. The recoloured start has the colours before the first step. And look at the last two:
# nearly the same J, yet at two sizes the strokes are broader and bolder, because at half the size
# each layer sees twice as far. **J does not see that difference**; a cost that says "equal" is not
# the last word on pictures. The default paints at two sizes for the look of it, not for J.
#
# ## 8 · α and β

# %% [markdown] lang="zh"
# 从噪声出发，计算 60 次之后 G 才刚刚有一点楼阁的影子：内容容易保住，却难以重建。换色的起点还没走第一步就有了颜色。再看
# 最后两张：J 几乎相同，可是分两种大小来画，笔触更宽、更奔放，因为图像缩到一半时，每一层能看到两倍远。**J 看不出这个差
# 别**；代价说“一样好”，对图像来说并不是定论。默认分两种大小，图的是好看，而不是 J。
#
# ## 8 · α 与 β

# %% tags=["nbval-ignore-output"]
sweep = {
    beta: transfer_style(C, S, costs=Costs(beta=beta), descent=Descent(steps=STEPS))
    for beta in BETAS
}
_, (left, right) = plt.subplots(1, 2, figsize=(10.4, 2.6), width_ratios=(1, 1.9))
content = [run.history.content[-1] for run in sweep.values()]
style = [run.history.style[-1] for run in sweep.values()]
left.plot(content, style, "o-")
for beta, x, y in zip(BETAS, content, style, strict=True):
    left.annotate(f"β = {beta}", (x, y), (5, 5), textcoords="offset points", fontsize=8)
left.set(xlabel="J_content", ylabel="J_style", yscale="log", title="A trade")
left.margins(0.25)
pictures = [run.image for run in sweep.values()]
plots.plot_image_grid(pictures, num_columns=3, captions=[f"β = {b}" for b in BETAS], ax=right)
plt.show()

# %%
assert np.all(np.diff(content) > 0)
assert np.all(np.diff(style) < 0)

# %% [markdown] lang="en"
# Each step to the right pays for style with content. There is no "right" ratio, only the one whose
# picture you like; and as the costs are shares of silence, the β of one photo and painting is at
# least a start for others (how strong it then looks still differs: the ink of notebook 06). The
# price for noise apart, only the ratio of β to α matters for the best G.
#
# ## 9 · Which layers
#
# The content's layer says how much freedom G has; the style's layers say how large the strokes are.

# %% [markdown] lang="zh"
# 每往右一步，都是拿内容去换风格。没有“正确”的比值，只有你喜欢的画面；而且因为代价是相对于沉默的份额，一张照片、一幅画
# 用的 β，换了别的至少可以从它试起（看上去有多强仍会不同，比如第 06 课的水墨）。不算对噪点的惩罚，决定最好的 G 的只是
# β 与 α 之比。
#
# ## 9 · 选哪些层
#
# 内容层决定 G 有多少自由；风格层决定笔触有多大。

# %%
choices = {
    "content: block 1": Costs(content_layers={"block1_conv2": 1.0}),
    "content: block 5": Costs(content_layers={"block5_conv2": 1.0}),
    "style: block 1 only": Costs(style_layers={"block1_conv1": 1.0}),
    "style: block 4 only": Costs(style_layers={"block4_conv1": 1.0}),
}
chosen = [
    transfer_style(C, S, costs=costs, descent=Descent(steps=STEPS)).image
    for costs in choices.values()
]
_, ax = plt.subplots(figsize=(6.4, 5.0))
plots.plot_image_grid(chosen, num_columns=2, captions=[*choices], ax=ax)
plt.show()

# %% [markdown] lang="en"
# With the content in block 1 the photo stays and the strokes lie on it like a film; in block 5 the
# tower begins to bend, and in the sky, where notebook 06 missed a star, there is a yellow whirl
# like one. Style from block 1 alone changes palette and grain, no more. From block 4 alone come the
# whirls; the colours are only those of the recoloured start.
#
# ## 10 · Adam or L-BFGS
#
# J is a function of 32,640 variables, one for each channel of each pixel; computing its gradient
# takes about as long as computing J. Adam takes a step of its own size for each number. L-BFGS
# remembers the last steps and what they did to the gradient, and so learns how J curves. Same J,
# same start C, 60 evaluations each; last, our default: L-BFGS on waves instead of pixels, from the
# recoloured C.

# %% [markdown] lang="zh"
# 内容取在第 1 块，照片原样不动，笔触像一层薄膜贴在上面；取在第 5 块，楼阁开始弯曲，天上也有了星星似的黄色漩涡，第 06
# 课里缺的正是它。只用第 1 块的风格，变的不过是色彩和颗粒；只用第 4 块，有了漩涡，颜色却只是换色的起点带来的那一点。
#
# ## 10 · Adam 还是 L-BFGS
#
# J 有 32,640 个自变量，每个像素的每个通道一个；算一次梯度所花的时间，与算一次 J 差不多。Adam 给每个数一个自己的步
# 长。L-BFGS 则记住最近的若干步以及梯度因此发生的变化，从而了解 J 怎样弯曲。同一个 J，同样从 C 出发，各计算 60 次；最
# 后是我们的默认做法：L-BFGS 作用在波上而不是像素上，从换色后的 C 出发。

# %% tags=["nbval-ignore-output"]
contest = {
    "Adam": transfer_style(C, S, descent=Descent(optimizer="adam", **in_pixels)),
    "L-BFGS": runs["C"],
    "default, one size": runs["recoloured C"],
}
_, ax = plt.subplots(figsize=(7.6, 3.2))
for name, run in contest.items():
    ax.semilogy(run.history.seconds, np.minimum.accumulate(run.history.total), label=name)
ax.set(xlabel="seconds", ylabel="lowest J so far", title="The same cost, three ways down")
ax.set_yticks([1, 1.5, 2, 3, 4, 6], ["1", "1.5", "2", "3", "4", "6"])
ax.minorticks_off()
ax.set_ylim(1, None)
ax.legend()
plt.show()
print({name: round(float(run.history.total.min()), 2) for name, run in contest.items()})

# %%
ends = {name: run.history.total.min() for name, run in contest.items()}
assert ends["default, one size"] < ends["L-BFGS"] < ends["Adam"]

# %% [markdown] lang="en"
# After 60 evaluations L-BFGS is lower than Adam; by the clock, which depends on the machine, the
# two may lie close together. Adam was given one learning rate, 5 levels a step, which was not
# tuned. Our default has two advantages, which this figure does not tell apart: it starts lower, and
# it moves waves instead of pixels. (The image is written as a sum of waves, and the same step moves
# coarse ones more than fine ones.) The repository's `benchmarks/bench_style_transfer.py` compares
# with the recipes of three published programs, run to their ends.
#
# ## 11 · Mistakes that raise no error
#
# Three that are easily made. The network wants blue, green, red in 0–255 minus a mean colour.

# %% [markdown] lang="zh"
# 同样计算 60 次之后，L-BFGS 比 Adam 低；若按秒来比，则取决于机器，两者可能相差不多。Adam 只用了一个学习率，每步 5 级
# 灰度，没有调过。我们的默认做法有两个优势，这张图分不开：起点更低；而且移动的是波，而不是像素。（把图像写成波的和，同
# 样的一步，粗的波比细的波动得多。）仓库里的 `benchmarks/bench_style_transfer.py` 与三种公开程序的做法相比较，而且都一
# 直运行到底。
#
# ## 11 · 不报错的错误
#
# 下面三个错误很容易犯。网络要的是蓝、绿、红的次序，0–255 的数值，再减去平均色。

# %%
right_way = transfer_style(C, S, descent=Descent(steps=STEPS)).image
both_swapped = transfer_style(C[..., ::-1], S[..., ::-1], descent=Descent(steps=STEPS)).image[
    ..., ::-1
]
one_swapped = transfer_style(C, S[..., ::-1], descent=Descent(steps=STEPS)).image
_, ax = plt.subplots(figsize=(8.4, 2.3))
captions = ["right", "C and S in the wrong order", "only S in the wrong order"]
plots.plot_image_grid(
    [right_way, both_swapped, one_swapped], num_columns=3, captions=captions, ax=ax
)
plt.show()

# %%
in_a_graph = tf.function(trunk)  # as in `fit` and `predict`: values cannot be checked there


def told_apart(scale):
    """How far C's features are from S's, as a share of their size, if images are divided first."""
    seen = [in_a_graph(image[None] / np.float32(scale))["block3_conv1"] for image in (C, S)]
    return np.linalg.norm(seen[0] - seen[1]) / np.linalg.norm(seen[0])


print(f"0–255: {told_apart(1.0):.2f}   [0, 1]: {told_apart(255.0):.4f}")
sums = {
    scale: tensors.gram_matrix(
        trunk(image[None].astype("float32"))["block1_conv1"], normalize=False
    )
    for scale, image in ((1, S), (2, np.tile(S, (2, 2, 1))))
}
growth = np.trace(sums[2][0]) / np.trace(sums[1][0])
print(f"sums instead of means, S twice as high and wide: {growth:.1f} times as large")
try:
    trunk((C / 255)[None])
except ValueError as error:
    message = next(line for line in str(error).splitlines() if "must" in line)
    print(message.replace("\x1b[1m", "").replace("\x1b[0m", ""))

# %% [markdown] lang="en"
# 1. **Channels.** If all images go in as RGB instead of BGR, the result still looks fine: nobody notices, and the network sees
#    orange skies. If only one of them does, the night turns to rust.
# 2. **Range.** In [0, 1] every image is nearly black for the network; two different pictures look
#    nearly alike to it: their features differ by 0.8 % of their size, and by 120 % in 0–255. This
#    package refuses such images, as the last line shows.
# 3. **Sums.** Gram matrices as sums grow with the image: for a style image of twice the height and
#    width they are about four times as large, and G is driven to activations twice as large, a
#    style that S does not have.

# %% [markdown] lang="zh"
# 1. **通道次序**：如果所有图像都按 RGB 而不是 BGR 输入，结果看上去依然不错：没人会发现，而网络看到的天空是橙色的。如果
#    只有一张错了，夜空就成了铁锈色。
# 2. **数值范围**：数值在 [0, 1] 时，任何图像对网络来说都近乎全黑；两张不同的图在它眼里几乎一样：特征只差自身大小的
#    0.8 %，而在 0–255 时差 120 %。本课程的软件包拒绝这样的图像，最后一行就是它的报错。
# 3. **求和**：用求和得到的格拉姆矩阵，数值会随图像变大：风格图的高和宽各加一倍，数值大约变成四倍；G 要跟上，激活就得加
#    倍，而那已经不是 S 的风格了。

# %% [markdown] lang="en"
# ## 12 · Exercises
#
# Each function returns what its formula says. As in section 1, K is the number of channels, and the C
# of $a^{(C)}$ is the content image.
#
# **Exercise 1.** The content cost of one layer,
#
# $$J_\text{content} = \frac{1}{4 \cdot H \cdot W \cdot K} \sum_{i,j,k} \left(a^{(C)}_{ijk} - a^{(G)}_{ijk}\right)^2,$$
#
# of the layer's activations for the content image and for the generated one, both of shape `(H, W, K)`. Which
# mean is it a quarter of?

# %% [markdown] lang="zh"
# ## 12 · 练习
#
# 每个函数都返回公式所写的量。与第 1 节一样，K 是通道数，$a^{(C)}$ 中的 C 指内容图。
#
# **练习 1：** 一层的内容代价：
#
# $$J_\text{content} = \frac{1}{4 \cdot H \cdot W \cdot K} \sum_{i,j,k} \left(a^{(C)}_{ijk} - a^{(G)}_{ijk}\right)^2.$$
#
# 两个参数是同一层在内容图和生成图上的激活，形状都是 `(H, W, K)`。它是哪个平均值的四分之一？


# %% tags=["exercise"]
def my_content_cost(content, generated):
    return ...  # a number


exercises.check_content_cost(my_content_cost)


# %% tags=["solution"]
# @title Solution
def solution_content_cost(content, generated):
    return np.mean((content - generated) ** 2) / 4


exercises.check_content_cost(solution_content_cost)

# %% [markdown] lang="en"
# **Exercise 2.** The Gram matrix of one image's features, shape `(H, W, K)`:
#
# $$G_{kl} = \frac{1}{H \cdot W} \sum_{i,j} a_{ijk}\, a_{ijl},$$
#
# shape `(K, K)`. How large is it for a layer of 512 channels, and does that depend on the image's size?

# %% [markdown] lang="zh"
# **练习 2：** 一张图像的特征形状为 `(H, W, K)`，它的格拉姆矩阵是
#
# $$G_{kl} = \frac{1}{H \cdot W} \sum_{i,j} a_{ijk}\, a_{ijl},$$
#
# 形状为 `(K, K)`。一层有 512 个通道时，这个矩阵有多大？和图像的大小有关系吗？


# %% tags=["exercise"]
def my_gram_matrix(features):
    return ...  # shape (K, K)


exercises.check_gram_matrix(my_gram_matrix)


# %% tags=["solution"]
# @title Solution
def solution_gram_matrix(features):  # 512 channels: 512 × 512, whatever the image's size
    flat = features.reshape(-1, features.shape[-1])  # a row for each position
    return flat.T @ flat / len(flat)


exercises.check_gram_matrix(solution_gram_matrix)

# %% [markdown] lang="en"
# **Exercise 3.** The style cost over several layers,
#
# $$J_\text{style} = \sum_l \lambda^{[l]} \, \frac{1}{4 K_l^2} \sum_{k,m} \left(G^{(S)}_{km} - G^{(G)}_{km}\right)^2,$$
#
# where $K_l$ is the number of channels of layer $l$, and k and m run over them. `style_features`,
# `generated_features` and `weights` (the λ) are dicts with the layers' names as keys. Features have shape
# `(H, W, K)`, and the two images may differ in size.

# %% [markdown] lang="zh"
# **练习 3：** 多层的风格代价：
#
# $$J_\text{style} = \sum_l \lambda^{[l]} \, \frac{1}{4 K_l^2} \sum_{k,m} \left(G^{(S)}_{km} - G^{(G)}_{km}\right)^2,$$
#
# 其中 $K_l$ 是第 $l$ 层的通道数，k 和 m 取遍所有通道。`style_features`、`generated_features` 和 `weights`（即各个 λ）都是字
# 典，键是层的名字。特征的形状为 `(H, W, K)`，风格图和生成图的大小可以不同。


# %% tags=["exercise"]
def my_style_cost(style_features, generated_features, weights):
    return ...  # a number


exercises.check_style_cost(my_style_cost)


# %% tags=["solution"]
# @title Solution
def solution_style_cost(style_features, generated_features, weights):
    def gram(features):
        flat = features.reshape(-1, features.shape[-1])
        return flat.T @ flat / len(flat)

    cost = 0.0
    for layer, weight in weights.items():
        gap = gram(style_features[layer]) - gram(generated_features[layer])
        cost += weight * np.mean(gap**2) / 4
    return cost


exercises.check_style_cost(solution_style_cost)

# %% [markdown] lang="en"
# **Exercise 4.** What does the style cost not see? Six things are done to the *features* of one layer, shape
# `(H, W, K)`; a pixel is here one position with its K activations. Write `True` where the Gram matrix stays
# the same whatever the features are, `False` where it changes in general. (And why is shuffling the pixels
# of the *image*, before the network, another matter?)

# %% [markdown] lang="zh"
# **练习 4：** 风格代价看不到什么？下面六种改动都作用于一层的*特征*，形状为 `(H, W, K)`；这里的一个像素（pixel）指一个
# 位置，连同它的 K 个激活。依次是：打乱像素，左右翻转，打乱通道，所有激活加倍，把特征按 2 × 2 重复平铺，每个通道减去自
# 己的平均值。无论特征是什么，格拉姆矩阵都不变的，写 `True`；一般会变的，写 `False`。（在进入网络之前打乱*图像*的像
# 素，就是另一回事了。为什么？）

# %% tags=["exercise"]
my_gram_stays = {
    "shuffle the pixels": ...,  # True or False
    "mirror the image's features": ...,
    "shuffle the channels": ...,
    "double every activation": ...,
    "tile the features 2 × 2": ...,
    "subtract each channel's mean": ...,
}

exercises.check_gram_blindness(my_gram_stays)


# %% tags=["solution"]
# @title Solution
def solution_gram_stays(features, changed):
    before, after = (np.einsum("ijk,ijl->kl", a, a) / a[..., 0].size for a in (features, changed))
    return np.allclose(before, after)


solution_order = np.random.default_rng(1).permutation(24)
solution_features = np.random.default_rng(0).random((4, 6, 3))
solution_changes = {  # tried out, on features drawn at random
    "shuffle the pixels": solution_features.reshape(24, 3)[solution_order].reshape(4, 6, 3),
    "mirror the image's features": solution_features[:, ::-1],
    "shuffle the channels": solution_features[..., [2, 0, 1]],
    "double every activation": 2 * solution_features,
    "tile the features 2 × 2": np.tile(solution_features, (2, 2, 1)),
    "subtract each channel's mean": solution_features - solution_features.mean(axis=(0, 1)),
}
exercises.check_gram_blindness(
    {name: solution_gram_stays(solution_features, a) for name, a in solution_changes.items()}
)

# %% [markdown] lang="en"
# ## Summary
#
# - **Content** is compared place by place, in one layer; **style** as Gram matrices, means of products over all places.
# - **A deep layer** has let go of pixels and keeps shapes; **Gram matrices** know colours and grain
#   in block 1, strokes and whirls in deeper blocks.
# - **The Gram matrix forgets** where things are, exactly; it keeps which channels fire together.
# - **Start, sizes and optimiser** change how low J is after so many evaluations, and the picture:
#   pictures with the same J may look different.
# - **The costs of two layers are not comparable** as they are: divide each by what silence costs.
#
# **References.** Gatys, Ecker, Bethge, "Image style transfer using convolutional neural networks",
# CVPR 2016 · Gatys et al., "Controlling perceptual factors in neural style transfer", CVPR 2017 ·
# Mahendran, Vedaldi, "Understanding deep image representations by inverting them", CVPR 2015 · Liu,
# Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical
# Programming 45, 1989 · Kingma, Ba, "Adam", ICLR 2015 · Xie, Tu, "Holistically-nested edge
# detection", ICCV 2015 (the trunk's weights).
#
# **Next:** [09 · From 2D to 1D and 3D](09_convolution_nd.ipynb): every filter so far moved along the two axes of a
# picture. What if there is one axis, as in a heartbeat, or three, as in a brain? **Back:**
# [06 · What neural style transfer is](06_style_transfer.ipynb),
# [07 · What a convolutional network sees](07_visualization.ipynb).

# %% [markdown] lang="zh"
# ## 小结
#
# - **内容**在某一层逐个位置比较；**风格**比较格拉姆矩阵，即乘积对所有位置的平均。
# - **深层**放走了像素，留下了形状；**格拉姆矩阵**在第 1 块记得颜色和颗粒，在更深的块记得笔触和漩涡。
# - **格拉姆矩阵忘掉**东西在哪里，忘得一点不剩；它留住的是哪些通道一起激活。
# - **起点、大小和优化器**既影响同样次数之后 J 有多低，也影响画面：J 相同的图像，看上去可能不一样。
# - **各层的代价不能直接相比**：要先各自除以沉默的代价。
#
# **参考文献：** Gatys、Ecker、Bethge，“Image style transfer using convolutional neural networks”，CVPR 2016 · Gatys
# 等，“Controlling perceptual factors in neural style transfer”，CVPR 2017 · Mahendran、Vedaldi，“Understanding deep
# image representations by inverting them”，CVPR 2015 · Liu、Nocedal，“On the limited memory BFGS method for large
# scale optimization”，Mathematical Programming 45，1989 · Kingma、Ba，“Adam”，ICLR 2015 · Xie、Tu，
# “Holistically-nested edge detection”，ICCV 2015（主干的权重）。
#
# **下一课：** [09 · 从 2D 到 1D 和 3D](09_convolution_nd.ipynb)：到现在为止，滤波器都沿着图像的两个轴移动。如果像心跳
# 那样只有一个轴，或像大脑那样有三个轴呢？**上一课：**
# [06 · 什么是神经风格迁移](06_style_transfer.ipynb)、[07 · 卷积网络看到了什么](07_visualization.ipynb)。
