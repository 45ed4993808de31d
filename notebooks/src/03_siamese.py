# %% [markdown] lang="en"
# # 03 · Siamese networks: learning the distance
#
# *One network looks at two photos and is taught a single thing: near, or far.* Nobody tells it
# what a nose is. Then ten people come whom it has never seen, and it begins to sort them.
#
# **After this you can**
# - say what is shared in a Siamese network, and show that both photos add to every gradient;
# - turn a photo into 128 numbers $f(x)$ and two photos into a distance $d$;
# - write the contrastive loss, and choose pairs that teach;
# - train it in seconds on a CPU and measure it on people it has never seen, with intervals,
#   against baselines that learned nothing, or little, and say honestly which of them it beats.
#
# **You need** notebooks 01 (EER, Fisherfaces, intervals over people) and 02 (one-shot), and a
# first idea of a convolutional network.
# **Run time:** about 60 seconds on 2 CPU cores.

# %% [markdown] lang="zh"
# # 03 · 孪生网络：学会距离
#
# *一个网络看两张照片，只学一件事：近，还是远。* 没有人告诉它什么是鼻子。然后来了十个它从未见过的人，它开始把他们区分开来。
#
# **学完本课，你能够**
# - 说清孪生网络（Siamese network）共享的是什么，并演示两张照片如何一起贡献每一个梯度；
# - 把一张照片变成 128 个数 $f(x)$，把两张照片变成一个距离 $d$；
# - 写出对比损失（contrastive loss），并挑选能教会网络的照片对；
# - 在 CPU 上用几秒钟把它训练好，在它从未见过的人身上测量，给出区间，与没学过或只学过一点的基线比较，并如实说出胜过了
#   谁。
#
# **预备知识：** 第 01 课（EER、Fisher 脸、按人计算的区间）和第 02 课（单样本学习），以及对卷积网络的初步了解。
# **运行时间：** 双核 CPU 约 60 秒。

# %% tags=["setup"]
import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from course_utils import data, exercises, plots, recognition
from course_utils.session import start_session

rng = start_session(seed=0)
import keras

from course_utils.losses import ContrastiveLoss, contrastive_loss
from course_utils.models import build_embedding_model, build_siamese_model
from course_utils.recognition import training

plots.use_course_style()

# %% tags=["settings"]
DEAL = 0  # who is trained on, who is tested
SEEDS = (0, 1)  # of the networks
NUM_PAIRS = 32  # a batch
GENUINE_SHARE = 0.125  # of them; try 0.5
EPOCHS = 7
BATCHES_PER_EPOCH = 20
LEARNING_RATE = 1e-3
MARGIN = 1.0  # plain distance that impostors should keep
COMPONENTS_TRIED = (20, 30, 50, 70)  # of eigenfaces and Fisherfaces

# %% [markdown] lang="en"
# ## 1 · A face becomes 128 numbers
#
# Notebook 02 ended with a wish: *a good $d$*. Raw pixels compare light and framing before they
# compare people. So let a network $f$ look at the photo first, and compare what it says:
#
# $$d(x^{(1)}, x^{(2)}) = \lVert f(x^{(1)}) - f(x^{(2)}) \rVert^2.$$
#
# $f$ is a small convolutional network **without a softmax**: its last dense layer gives 128
# numbers, the lecture's *encoding* (we say **embedding**), scaled to length 1.

# %% [markdown] lang="zh"
# ## 1 · 把一张脸变成 128 个数
#
# 第 02 课以一个愿望收尾：*一个好的 $d$*。原始像素首先比较光照和构图，然后才比较人。那就让网络 $f$ 先看照片，再比较它
# 给出的结果：
#
# $$d(x^{(1)}, x^{(2)}) = \lVert f(x^{(1)}) - f(x^{(2)}) \rVert^2.$$
#
# $f$ 是一个**没有 softmax** 的小卷积网络：最后的全连接层给出 128 个数，即课堂上说的“编码”（我们称为**嵌入**），并缩放
# 到长度 1。

# %%
faces = data.load_orl_faces(dtype="float32", shrink=2)
images, labels = faces.images[..., None], faces.labels
pixels = faces.images.reshape(len(labels), -1)
groups = data.split_by_identity(labels, (10, 10, 10, 10), seed=DEAL)


def parts_of(turn):
    """In each of four rounds every group has another role: nobody is on two sides."""
    test, validation, *train = (groups[(turn + step) % 4] for step in range(4))
    return {"train": np.concatenate(train), "validation": validation, "test": test}


parts = parts_of(0)
encoder = build_embedding_model(images.shape[1:])
for layer in encoder.layers:
    size = " × ".join(map(str, layer.output.shape[1:]))
    print(f"{layer.name:12s} {size:14s} {layer.count_params():7,} weights")

# %% [markdown] lang="en"
# The network is new; its weights are random. What does it say of one person twice, and of somebody
# else? Blue is negative, red is positive; each square is one of the 128 numbers.

# %% [markdown] lang="zh"
# 网络是新的，权重是随机的。同一个人的两张照片，再加另一个人的一张，它会怎么说？蓝色为负，红色为正；每个小格是 128 个
# 数中的一个。


# %%
def show_embeddings(encoded, index, names):
    """Each photo above its embedding, a square of 8 × 16 numbers."""
    embeddings = encoded[index]
    _, axes = plt.subplots(
        2, len(index), figsize=(7.6, 3.4), gridspec_kw={"height_ratios": (1.5, 1)}
    )
    for column, (photo, name) in enumerate(zip(index, names, strict=True)):
        axes[0, column].imshow(faces.images[photo], cmap="gray", vmin=0, vmax=1)
        limit = np.abs(embeddings).max()
        square = embeddings[column].reshape(8, 16)
        axes[1, column].imshow(square, cmap="RdBu_r", vmin=-limit, vmax=limit)
        distance = np.sum((embeddings[column] - embeddings[0]) ** 2)
        axes[1, column].set_xlabel(f"d to the first: {distance:.2f}")
        axes[0, column].set_title(name, loc="center")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
    plt.show()


first_person, second_person = (
    parts["test"][labels[parts["test"]] == p] for p in np.unique(labels[parts["test"]])[:2]
)
three_photos = [first_person[0], first_person[8], second_person[0]]
names = ("a photo of A", "another of A", "a photo of B")
show_embeddings(training.embed_faces(encoder, images), three_photos, names)

# %% [markdown] lang="en"
# To a network that has learned nothing, all faces are much the same. That is where we start.
#
# ## 2 · One set of weights, two inputs
#
# A Siamese network is *not two networks*. It is one, used twice. (In Keras: one model called on
# two inputs.)

# %% [markdown] lang="zh"
# 在一个什么都没学过的网络眼里，所有的脸都差不多。我们就从这里出发。
#
# ## 2 · 一套权重，两个输入
#
# 孪生网络*不是两个网络*，而是同一个网络用两次。（在 Keras 里：同一个模型在两个输入上各调用一次。）

# %%
siamese = build_siamese_model(encoder)
assert siamese.get_layer(encoder.name) is encoder
assert siamese.count_params() == encoder.count_params()

pair = images[three_photos[:1]], images[three_photos[1:2]]
by_model = siamese(pair, training=False).numpy()[0, 0]
by_hand = np.sum((encoder(pair[0]).numpy() - encoder(pair[1]).numpy()) ** 2)
assert np.isclose(by_model, by_hand)
print(f"encoder {encoder.count_params():,} weights, Siamese model {siamese.count_params():,}")
print(f"d by the model {by_model:.4f}, by hand {by_hand:.4f}")

# %% [markdown] lang="en"
# What if they *were* two networks, each with weights of its own? Then a photo would not even be near
# to itself:

# %% [markdown] lang="zh"
# 假如它们*真的*是两个网络，各有各的权重呢？那样一张照片离自己都不近：

# %%
other = build_embedding_model(images.shape[1:])
sample = parts["test"]
shared, of_other = (
    training.embed_faces(encoder, images[sample]),
    training.embed_faces(other, images[sample]),
)
to_itself = {
    "shared weights": np.sum((shared - shared) ** 2, axis=1),
    "two networks": np.sum((shared - of_other) ** 2, axis=1),
}
for name, distances in to_itself.items():
    print(f"{name:15s} d(x, x): mean {distances.mean():.2f} of at most 4")

# %% [markdown] lang="en"
# **Gradients add.** Each weight is used for both photos. By the chain rule its gradient is a sum:
# what it does to $d$ by way of the first photo, plus by way of the second. Stop one branch, then
# the other, and compare. (Below: the 16 filters of the first layer, 3 × 3 each.)

# %% [markdown] lang="zh"
# **梯度相加。** 每个权重都为两张照片所用。按链式法则，它的梯度是一个和：经由第一张照片对 $d$ 的影响，加上经由第二张照
# 片的影响。先截断一支，再截断另一支，比一比。（下图：第一层的 16 个滤波器，各为 3 × 3。）


# %%
import tensorflow as tf


def gradient_of_d(through_first, through_second):
    """∂d/∂(filters of the first layer), with a branch cut off or not."""
    with tf.GradientTape() as tape:
        f1, f2 = encoder(pair[0]), encoder(pair[1])
        f1 = f1 if through_first else tf.stop_gradient(f1)
        f2 = f2 if through_second else tf.stop_gradient(f2)
        d = tf.reduce_sum((f1 - f2) ** 2)
    return tape.gradient(d, encoder.trainable_variables[0]).numpy()


first, second, both = (gradient_of_d(*cut) for cut in ((1, 0), (0, 1), (1, 1)))
assert np.allclose(first + second, both, atol=1e-5)

# %%
figure, axes = plt.subplots(1, 3, figsize=(7.6, 2.7))
figure.get_layout_engine().set(w_pad=0.25)
limit = max(np.abs(part).max() for part in (first, second, both))
titles = ("through photo 1", "+  through photo 2", "=  through both")
for ax, part, title in zip(axes, (first, second, both), titles, strict=True):
    tiles = np.full((4, 4, 4, 4), np.nan)
    tiles[:, :3, :, :3] = part[:, :, 0].transpose(2, 0, 1).reshape(4, 4, 3, 3).swapaxes(1, 2)
    ax.imshow(tiles.reshape(16, 16)[:15, :15], cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_title(title, loc="center")
    ax.axis("off")
plt.show()

# %% [markdown] lang="en"
# Left plus middle is right, filter by filter. Where the two photos ask for opposite changes, the
# sum nearly cancels: the two photos negotiate, and what is left is what changes $d$.
#
# ## 3 · What a pair should cost
#
# For photos of one person ($y = 1$) $d$ should be small. For two people ($y = 0$) it should be
# large, but not without end: from a margin $m$ on, far is far enough. ($d$ is squared, $m$ is a plain
# distance, hence $\sqrt d$.) The **contrastive loss**:
#
# $$L = y \, d + (1 - y) \, \max(m - \sqrt d, 0)^2.$$

# %% [markdown] lang="zh"
# 左加中等于右，每个滤波器都是如此。两张照片要求相反的改变时，和几乎抵消：两张照片在讨价还价，剩下的才是真正改变 $d$ 的
# 部分。
#
# ## 3 · 一对照片该付多少代价
#
# 同一个人的两张照片（$y = 1$），$d$ 应当小；两个人的照片（$y = 0$），$d$ 应当大，但不必无止境地大：超过间隔 $m$，就够
# 远了。（$d$ 是平方距离，$m$ 是普通距离，所以要写 $\sqrt d$。）这就是**对比损失**（contrastive loss）：
#
# $$L = y \, d + (1 - y) \, \max(m - \sqrt d, 0)^2.$$


# %%
def contrastive_loss_by_hand(same, distances, margin):
    lacking = np.maximum(margin - np.sqrt(distances), 0)
    return same * distances + (1 - same) * lacking**2


some_distances = np.linspace(0, 2, 81) ** 2
for same in (0, 1):
    by_hand = contrastive_loss_by_hand(same, some_distances, MARGIN)
    by_package = contrastive_loss(np.full(81, same), some_distances, margin=MARGIN)
    assert np.allclose(by_hand, by_package)

_, ax = plt.subplots(figsize=(7.6, 3.0))
for same, name, kind in ((1, "one person", "genuine"), (0, "two people", "impostor")):
    values = contrastive_loss_by_hand(same, some_distances, MARGIN)
    ax.plot(np.sqrt(some_distances), values, color=plots.COLORS[kind], label=name)
ax.axvline(MARGIN, color=plots.COLORS["muted"], linestyle=":")
ax.annotate("margin m", (MARGIN, 2.2), (5, 0), textcoords="offset points")
ax.set(xlabel="how far apart, √d", ylabel="loss of the pair", ylim=(0, 2.5), xlim=(0, 2))
ax.legend()
plt.show()

# %% [markdown] lang="en"
# The slope is the force with which a pair is pulled or pushed. One person's photos are pulled
# together the harder, the farther apart they are; strangers are pushed the harder, the nearer they
# are, and beyond the margin they are left in peace.
#
# ## 4 · Pairs that teach
#
# Of all pairs, how many show one person? If hardly any do, a network that always says *far* would
# look good and learn nothing.

# %% [markdown] lang="zh"
# 曲线的斜率就是拉或推这对照片的力。同一个人的照片离得越远，拉得越用力；陌生人离得越近，推得越用力；一旦超出间隔，就不
# 再管它们。
#
# ## 4 · 能教会网络的照片对
#
# 在所有的照片对里，有多少是同一个人？如果少之又少，那么一个永远说“远”的网络看起来就很不错，却什么也没学到。

# %%
train = parts["train"]
same = labels[train][:, None] == labels[train][None, :]
above = np.triu_indices(len(train), k=1)
batches = training.PairBatches(
    images[train],
    labels[train],
    num_pairs=NUM_PAIRS,
    genuine_share=GENUINE_SHARE,
    augment=training.augment_faces,
)
_, drawn_same = batches[0]
print(f"genuine, drawn blindly: {same[above].mean():.1%} of {above[0].size:,} pairs", end="; ")
print(
    f"in our batches: {drawn_same.mean():.0%}, always {drawn_same.sum():.0f} of {drawn_same.size}"
)

# %% [markdown] lang="en"
# With one or two genuine pairs in a batch of 32 on average, some batches would hold none. `PairBatches` draws a
# fixed share. Half is a common choice. But a genuine pair pays for every bit of
# distance, a stranger only within the margin: the share sets the balance of pull and push. We take
# one in eight; try 0.5 in the settings. And since 20 people with 10 photos are few, each photo is turned,
# shifted, zoomed, mirrored and relit a little, every time anew: whatever changes *without changing
# who it is*.

# %% [markdown] lang="zh"
# 随机抽 32 对，平均只有一两对是同一个人，有些批次会一对也没有。`PairBatches` 按固定的比例抽取。一半对一半是常见的选
# 择。但同一个人的一对，只要有一点距离就要付代价，陌生人只在间隔之内才付：这个比例决定了拉与推的平衡。我们取八分之一；
# 可以在设置里改成 0.5 试试。另外，20 个人、每人 10 张照片还是太少，因此每张照片每次都会随机地稍作旋转、平移、缩放、镜
# 像和明暗变化：凡是*不改变身份*的变化都可以。

# %%
copies = training.augment_faces(np.repeat(images[three_photos[:1]], 9, axis=0), rng)
shown = [images[three_photos[0], ..., 0], *copies[..., 0]]
plots.plot_image_grid(shown, num_columns=10, captions=["the photo", *[""] * 9], value_range=(0, 1))
plt.show()

# %% [markdown] lang="en"
# ## 5 · Training
#
# Twenty people to learn from; ten **validation** people who only tell when to stop (a role like that of
# the calibration people in notebook 01); ten **test** people whom neither learning nor stopping has
# seen. `train_encoder` measures the EER on the validation people after each epoch and keeps the best
# weights.

# %% [markdown] lang="zh"
# ## 5 · 训练
#
# 二十个人用来学习；十个人组成**验证组**（validation，与“人脸验证”无关），只用来决定何时停止（作用类似第 01 课的校准
# 组）；还有十个人组成**测试组**，学习和停止都没有用到他们。`train_encoder` 每轮之后在验证组上测量 EER，并保留最好的权
# 重。


# %%
encoder_to_train = build_embedding_model(images.shape[1:])
siamese = build_siamese_model(encoder_to_train)
optimizer = keras.optimizers.Adam(LEARNING_RATE)
siamese.compile(optimizer, ContrastiveLoss(MARGIN), jit_compile=False)


def train_siamese(parts, seed):
    """Embeddings of all photos, by an encoder trained anew on pairs of the training people."""
    training.start_over(siamese, seed=seed)
    train, validation = parts["train"], parts["validation"]
    batches = training.PairBatches(
        images[train],
        labels[train],
        num_pairs=NUM_PAIRS,
        genuine_share=GENUINE_SHARE,
        batches_per_epoch=BATCHES_PER_EPOCH,
        augment=training.augment_faces,
        seed=seed,
    )
    others = images[validation], labels[validation]
    history = training.train_encoder(
        siamese, batches, others, encoder=encoder_to_train, epochs=EPOCHS, verbose=0
    )
    return training.embed_faces(encoder_to_train, images), history


def pairs_among(index, encoded):
    """All pairs of some photos, by squared distance."""
    chosen = encoded[index]
    return recognition.all_pairs(cdist(chosen, chosen, "sqeuclidean"), labels[index])


def eer_of(genuine, impostor):
    return recognition.equal_error_rate(genuine, impostor).rate


# %% tags=["nbval-ignore-output"]
after, history = train_siamese(parts, SEEDS[0])
known = pairs_among(parts["validation"], pixels)
plots.plot_training(
    history.loss,
    history.validation_eer,
    best_epoch=history.best_epoch,
    baseline=("raw pixels", eer_of(known.genuine, known.impostor)),
)
plt.show()

# %% [markdown] lang="en"
# The loss falls on those it learns from; the validation people gain early, and then by fits and
# starts. The best epoch was chosen *on them*, so their EER is a little too kind. Now the test people.
#
# ## 6 · Before and after, on people it has never seen

# %% [markdown] lang="zh"
# 在用来学习的人身上，损失一直在降；验证组的 EER 很早就降下来，之后时好时坏。最好的一轮是*在他们身上*选出来的，所以他
# 们的 EER 略偏乐观。下面看测试组。
#
# ## 6 · 训练前与训练后：从未见过的人

# %% tags=["nbval-ignore-output"]
test = parts["test"]
before = training.embed_faces(encoder, images)
figure, axes = plt.subplots(1, 2, figsize=(9.2, 3.2))
for ax, encoded, title in zip(axes, (before, after), ("before", "after"), strict=True):
    found = pairs_among(test, encoded)
    plots.plot_distance_histograms(found.genuine, found.impostor, ax=ax)
    ax.set(title=f"{title}: EER {eer_of(found.genuine, found.impostor):.1%}", xlabel="d, squared")
plt.show()

# %% [markdown] lang="en"
# Look at the scale, too. Before, all distances are tiny; after, strangers have moved
# apart, and the photos of one person stay nearer to each other. Not all of them: the blue tail
# under the orange hill is why every threshold gets some pairs wrong.
#
# **A map.** The 128 numbers of the ten test people, flattened to the two directions in which they
# vary most (PCA). A colour is a person.

# %% [markdown] lang="zh"
# 还要看刻度：训练前所有距离都很小；训练后，陌生人彼此拉开了距离，同一个人的照片彼此更近。但并非全部如此：橙色小山下面
# 的那条蓝色尾巴，使任何阈值都难免判错一些。
#
# **一张地图。** 把测试组十个人的 128 个数压缩到变化最大的两个方向（PCA）。一种颜色代表一个人。

# %% tags=["nbval-ignore-output"]
figure, axes = plt.subplots(1, 2, figsize=(9.2, 4.2))
for ax, encoded, title in zip(axes, (before, after), ("before", "after"), strict=True):
    points = PCA(2, svd_solver="full").fit_transform(encoded[test])
    plots.plot_embedding_map(points, labels[test], ax=ax)
    ax.set_title(title)
plt.show()

# %% tags=["nbval-ignore-output", "readme-picture"]
points = PCA(2, svd_solver="full").fit_transform(after[test])
ax = plots.plot_embedding_map(points, labels[test], images=faces.images[test])
ax.set_title("Ten people the network had never seen")
plt.show()

# %% [markdown] lang="en"
# Two of 128 dimensions are a rough view: groups that touch here may be apart in the others. So ask
# directly: whose are the nearest photos? Blue frames are right, orange ones wrong.

# %% [markdown] lang="zh"
# 128 维里只看两维，是很粗略的：在这里挨着的两群，在别的维度上也许是分开的。所以直接问：最近的几张照片是谁的？蓝框是对
# 的，橙框是错的。


# %% tags=["nbval-ignore-output"]
def nearest_photos(encoded, probes, num_neighbours=4):
    """Each probe, then the nearest other photos of the test people."""
    shown, frames = [], []
    for probe in probes:
        distances = np.sum((encoded[test] - encoded[probe]) ** 2, axis=1)
        nearest = test[np.argsort(distances)][1 : num_neighbours + 1]
        shown += [probe, *nearest]
        right = labels[nearest] == labels[probe]
        frames += [None, *np.where(right, plots.COLORS["genuine"], plots.COLORS["impostor"])]
    return shown, frames


in_pixels = cdist(pixels[test], pixels[test])
np.fill_diagonal(in_pixels, np.inf)
nearest_people = labels[test][np.argsort(in_pixels, axis=1)[:, :4]]
num_strangers = np.sum(nearest_people != labels[test][:, None], axis=1)
by_strangers = np.argsort(-num_strangers, kind="stable")
_, one_a_person = np.unique(labels[test][by_strangers], return_index=True)
probes = test[by_strangers[np.sort(one_a_person)[:4]]]
figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.4))
for ax, encoded, title in zip(
    axes, (pixels, before, after), ("raw pixels", "untrained", "trained"), strict=True
):
    shown, frames = nearest_photos(encoded, probes)
    plots.plot_image_grid(
        faces.images[shown], num_columns=5, frame_colors=frames, value_range=(0, 1), ax=ax
    )
    ax.set_title(title)
plt.show()

# %% [markdown] lang="en"
# These are hard probes on purpose: of four people the photo that has the most strangers among its four
# nearest in raw pixels. The first photo in each row is the probe.
#
# ## 7 · Is it better? Four rounds, two seeds, and the baselines
#
# One round is ten people, and one seed is one draw of luck. So everybody is tested once, in four
# rounds, with two networks in each; beside them the baselines of notebook 01, with the *same*
# training and validation people. Two questions:
#
# - **verification**: the EER over all pairs of unseen people (chance 50 %);
# - **one-shot**: ten unseen people, one photo each in the gallery, whose is this other photo?
#   (chance 10 %; the mean over all galleries, computed exactly).

# %% [markdown] lang="zh"
# 这里故意挑了难的待识别样本：四个人各一张，都是在原始像素里最近的四张中别人的照片最多的那一张。每行第一张就是待识别样
# 本。
#
# ## 7 · 真的更好吗？四轮、两个种子，以及基线
#
# 一轮只有十个人，一个种子只是一次运气。所以分四轮，让每个人都被测试一次，每轮训练两个网络；旁边是第 01 课的基线，使
# 用*同样*的训练组和验证组。两个问题：
#
# - **验证**：在没见过的人的所有照片对上的 EER（随机水平：50 %）；
# - **单样本识别**：十个没见过的人，图库里每人一张照片，这张新照片是谁的？（随机水平：10 %；对所有可能的图库精确取平
#   均）。


# %%
from course_utils.recognition import baselines


def classic_encodings(parts):
    """Raw pixels, eigenfaces, Fisherfaces; the validation people choose the components."""
    train, best = parts["train"], {"raw pixels": (0, pixels)}
    for num_components in COMPONENTS_TRIED:
        classic = baselines.build_fisherfaces(num_components).fit(pixels[train], labels[train])
        eigenfaces = classic[0].transform(pixels)  # its first step
        for name, encoded in (
            ("eigenfaces", eigenfaces), ("Fisherfaces", classic.transform(pixels))
        ):  # fmt: skip
            known = pairs_among(parts["validation"], encoded)
            rate = eer_of(known.genuine, known.impostor)
            if rate < best.get(name, (1,))[0]:
                best[name] = rate, encoded
    return {name: encoded for name, (_, encoded) in best.items()}


def one_shot(index, encoded):
    """How probably each photo is named rightly, over all galleries of one photo a person."""
    chosen = encoded[index]
    distances = cdist(chosen, chosen, "sqeuclidean")
    return 1 - recognition.rank1_error_by_gallery_size(distances, labels[index])[:, -1]


# %% tags=["nbval-ignore-output"]
METHODS = ("raw pixels", "untrained network", "eigenfaces", "Fisherfaces", "Siamese network")
runs = {name: [] for name in METHODS}  # each run: the encodings of all photos, by round
for seed in SEEDS:
    encodings = {name: [] for name in METHODS}
    for turn in range(4):
        parts = parts_of(turn)
        encodings["untrained network"].append(before)
        first_run = turn == 0 and seed == SEEDS[0]
        trained = after if first_run else train_siamese(parts, seed)[0]
        encodings["Siamese network"].append(trained)
        for name, encoded in classic_encodings(parts).items() if seed == SEEDS[0] else ():
            encodings[name].append(encoded)
    for name, by_round in encodings.items():
        runs[name] += [by_round] if len(by_round) == 4 else []

# %% [markdown] lang="en"
# A threshold of one network means nothing to another, so the EER is taken within each round and
# each network, and then averaged. The intervals resample the people of each round.

# %% [markdown] lang="zh"
# 一个网络的阈值对另一个网络毫无意义，所以 EER 在每一轮、每个网络之内分别计算，再取平均。区间由每轮之内对人重新抽样得到。


# %% tags=["nbval-ignore-output"]
eer, accuracy, eer_by_seed = {}, {}, {}
for name in METHODS:
    rates, right = [], []
    for turn, test in enumerate(groups):
        # one seed a round, the same for every method: differences can be paired
        of_networks = [
            recognition.bootstrap_pairs(
                pairs_among(test, run[turn]), eer_of, seed=turn, num_resamples=200
            )
            for run in runs[name]
        ]
        rates.append(recognition.mean_interval(of_networks))
        chances = np.mean([one_shot(test, run[turn]) for run in runs[name]], axis=0)
        right.append(
            recognition.bootstrap_mean(chances, labels[test], seed=turn, num_resamples=200)
        )
        eer_by_seed.setdefault(name, []).append([rate.estimate for rate in of_networks])
    eer[name], accuracy[name] = (recognition.mean_interval(each) for each in (rates, right))

# %% tags=["nbval-ignore-output"]
figure, axes = plt.subplots(2, 1, figsize=(7.6, 5.6))
plots.plot_intervals(eer, xlabel="equal error rate, unseen people (chance: 50 %)", ax=axes[0])
plots.plot_intervals(
    accuracy, xlabel="one-shot, ten unseen people: right name (chance: 10 %)", ax=axes[1]
)
plt.show()
gains = {}
for name in ("untrained network", "raw pixels", "Fisherfaces"):
    gain = eer[name].samples - eer["Siamese network"].samples
    gains[name] = np.quantile(gain, (0.025, 0.975))
    print(f"EER, {name:17s} minus Siamese network: {gain.mean():+.1%}", end=" ")
    print("[{:+.1%}, {:+.1%}]".format(*gains[name]))
of_seeds = np.round(100 * np.array(eer_by_seed["Siamese network"]), 1)
print("EER of each Siamese network, in per cent, the seeds of a round together:", of_seeds.tolist())

# %% [markdown] lang="en"
# **The honest answer: it has learned, but not measurably more than the classics.** A network that
# starts from random weights learns in seconds how faces differ: clearly ahead of where it began. Against
# raw pixels and Fisherfaces, though, the intervals of the difference hold 0; a formula of 1936, put
# to faces in 1997, gets as far with the same twenty people. And the seeds say why one run proves
# nothing: two networks of one round can differ by more than these methods do.

# %% [markdown] lang="zh"
# **老实说：它学到了东西，但看不出比经典方法更好。** 一个从随机权重出发的网络，几秒钟就学会了脸与脸有何不同，明显好于
# 起点。可是与原始像素和 Fisher 脸相比，差值的区间都包含 0；一个 1936 年的公式，1997 年用到人脸上，用同样的二十个人，
# 也能做到这样。再看不同种子的结果，就知道为什么单独一次训练什么也证明不了：同一轮的两个网络之间的差别，可以比这几种方
# 法之间的差别还大。

# %%
assert gains["untrained network"][0] > 0
assert gains["raw pixels"][0] < 0 < gains["raw pixels"][1]
assert gains["Fisherfaces"][0] < 0 < gains["Fisherfaces"][1]
assert np.ptp(of_seeds, axis=1).max() > 2

# %% [markdown] lang="en"
# ## 8 · The three photos again

# %% [markdown] lang="zh"
# ## 8 · 再看那三张照片

# %% tags=["nbval-ignore-output"]
show_embeddings(after, three_photos, names)

# %%
a, another, b = after[three_photos]
assert np.sum((a - another) ** 2) < 0.5 * np.sum((a - b) ** 2)

# %% [markdown] lang="en"
# The two squares of A are still alike, and B's is another. That is all a gallery needs to keep of
# a person: 128 numbers, not a photo.
#
# **What is not good yet.** A pair says *near* or *far*, each for itself, on one scale for
# everybody. But recognition does not ask how far apart one person's photos are, only that strangers
# be *farther*. That comparison takes three photos: notebook 04, same network, same photos.
#
# ## 9 · Exercises
#
# **Exercise 1.** A Siamese distance from any encoder: `encoder` takes a batch of photos (here rows
# of numbers) and returns a batch of embeddings.

# %% [markdown] lang="zh"
# A 的两个方块仍然相像，B 的则是另一个样子。图库要为一个人保存的就只有这些：128 个数，而不是照片。
#
# **还不够好的地方。** 一对照片只说“近”或“远”，各说各的，对所有人用同一把尺。但识别并不管同一个人的照片相距多远，只要
# 求陌生人*更远*。这种比较需要三张照片：见第 04 课，同样的网络，同样的照片。
#
# ## 9 · 练习
#
# **练习 1：** 用任意一个编码器计算孪生距离：`encoder` 接受一批照片（这里是一行行的数），返回一批嵌入。


# %% tags=["exercise"]
def my_siamese_distance(encoder, first, second):
    return ...  # one distance a pair


exercises.check_siamese_distance(my_siamese_distance)


# %% tags=["solution"]
# @title Solution
def solution_siamese_distance(encoder, first, second):
    return np.sum((encoder(first) - encoder(second)) ** 2, axis=1)


exercises.check_siamese_distance(solution_siamese_distance)

# %% [markdown] lang="en"
# **Exercise 2.** The contrastive loss of each pair, from squared distances.

# %% [markdown] lang="zh"
# **练习 2：** 由平方距离计算每一对的对比损失。


# %% tags=["exercise"]
def my_contrastive_loss(same, distances, margin):
    return ...  # one loss a pair


exercises.check_contrastive_loss(my_contrastive_loss)


# %% tags=["solution"]
# @title Solution
def solution_contrastive_loss(same, distances, margin):
    lacking = np.maximum(margin - np.sqrt(distances), 0)
    return same * distances + (1 - same) * lacking**2


exercises.check_contrastive_loss(solution_contrastive_loss)

# %% [markdown] lang="en"
# **Exercise 3.** `num_people` people with `photos_per_person` photos each: which share of all pairs
# is genuine?

# %% [markdown] lang="zh"
# **练习 3：** 有 `num_people` 个人，每人 `photos_per_person` 张照片：所有照片对中，同一个人的占多大比例？


# %% tags=["exercise"]
def my_genuine_share(num_people, photos_per_person):
    return ...  # between 0 and 1


exercises.check_genuine_share(my_genuine_share)


# %% tags=["solution"]
# @title Solution
def solution_genuine_share(num_people, photos_per_person):
    return (photos_per_person - 1) / (num_people * photos_per_person - 1)


exercises.check_genuine_share(solution_genuine_share)

# %% [markdown] lang="en"
# **Exercise 4.** All embeddings have length 1. What is the squared distance of two of them whose
# cosine you know?

# %% [markdown] lang="zh"
# **练习 4：** 所有嵌入的长度都是 1。已知两个嵌入的余弦，它们的平方距离是多少？


# %% tags=["exercise"]
def my_distance_from_cosine(cosine):
    return ...  # between 0 and 4


exercises.check_distance_from_cosine(my_distance_from_cosine)


# %% tags=["solution"]
# @title Solution
def solution_distance_from_cosine(cosine):
    return 2 - 2 * cosine


exercises.check_distance_from_cosine(solution_distance_from_cosine)

# %% [markdown] lang="en"
# ## Summary
#
# - **One set of weights, two inputs**: the gradients of both photos add; with two networks a photo
#   would not even be near to itself.
# - **Embedding**: 128 numbers of length 1; $d$ is their squared distance, between 0 and 4.
# - **Contrastive loss**: pull one person's photos together, push two people apart up to a margin;
#   how many pairs of each kind is a choice (here one in eight is genuine).
# - **On people never seen** it is clearly ahead of the untrained network: it learned *how faces differ*,
#   not twenty faces. Raw pixels and Fisherfaces it does not surely beat, and a second seed can
#   move it more than it differs from them.
#
# **References.** Bromley et al., "Signature verification using a Siamese time delay neural
# network", NeurIPS 1993 · Hadsell, Chopra, LeCun, "Dimensionality reduction by learning an
# invariant mapping", CVPR 2006 · Taigman et al., "DeepFace", CVPR 2014 · Koch et al., "Siamese
# neural networks for one-shot image recognition", 2015 · Fisher, "The use of multiple measurements
# in taxonomic problems", 1936 · Belhumeur, Hespanha, Kriegman, "Eigenfaces vs. Fisherfaces", PAMI 1997.
#
# **Next:** [04 · Triplet loss](04_triplet.ipynb): what if a photo need not be *near*, only nearer than
# a stranger's? **Back:** [02 · One-shot learning](02_one_shot.ipynb).

# %% [markdown] lang="zh"
# ## 小结
#
# - **一套权重，两个输入**：两张照片的梯度相加；若是两个网络，一张照片离自己都不近。
# - **嵌入**：128 个数，长度为 1；$d$ 是它们的平方距离，在 0 与 4 之间。
# - **对比损失**：把同一个人的照片拉近，把两个人推开，直到间隔为止；两种照片对各占多少，可以自己选（这里八对中有一对是
#   真匹配对）。
# - **在从未见过的人身上**，它明显胜过未训练的网络：它学会的是*脸与脸有何不同*，而不是二十张脸。但不能说它胜过原始像素和
#   Fisher 脸；单是换一个种子，变化就可能大过它与这两者的差别。
#
# **参考文献：** Bromley 等，“Signature verification using a Siamese time delay neural network”，NeurIPS 1993 ·
# Hadsell、Chopra、LeCun，“Dimensionality reduction by learning an invariant mapping”，CVPR 2006 · Taigman 等，
# “DeepFace”，CVPR 2014 · Koch 等，“Siamese neural networks for one-shot image recognition”，2015 · Fisher，“The use
# of multiple measurements in taxonomic problems”，1936 · Belhumeur、Hespanha、Kriegman，“Eigenfaces vs.
# Fisherfaces”，PAMI 1997。
#
# **下一课：** [04 · 三元组损失](04_triplet.ipynb)：如果不要求“近”，只要求比陌生人更近，会怎样？**上一课：**
# [02 · 单样本学习](02_one_shot.ipynb)。
