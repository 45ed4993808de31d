# %% [markdown] lang="en"
# # 04 · Triplet loss: nearer than a stranger
#
# *Three photos: you, you again, and somebody else.* The lesson is not to be near, but to be nearer.
# It is the loss behind FaceNet, it fits in one line, and it has a hole through which a network can
# escape. We shall watch one do so.
#
# **After this you can**
# - write the loss, and say what the margin is for;
# - recognise a network that has collapsed, before you have waited for an hour;
# - explain why random triplets soon teach nothing, and mine better ones;
# - train an encoder from a few photos of thirty people that names people it has never seen, from
#   one photo each.
#
# **You need** notebooks 01 (EER, intervals over people) and 03 (embeddings, Siamese networks).
# **Run time:** about 65 seconds on 2 CPU cores.

# %% [markdown] lang="zh"
# # 04 · 三元组损失：比陌生人更近
#
# *三张照片：你、又一张你、另一个人。* 要学的不是“近”，而是“更近”。这就是 FaceNet 背后的损失，一行就能写完；但它有一个
# 漏洞，网络可以从那里溜走。我们会亲眼看一个网络这么做。
#
# **学完本课，你能够**
# - 写出这个损失，并说明间隔有什么用；
# - 认出一个已经坍缩的网络，而不必白等一个小时；
# - 解释为什么随机的三元组很快就教不了什么，并挖掘更好的三元组；
# - 用三十个人的少量照片训练一个编码器，让它凭一张照片认出它从未见过的人。
#
# **预备知识：** 第 01 课（EER、按人计算的区间）和第 03 课（嵌入、孪生网络）。
# **运行时间：** 双核 CPU 约 65 秒。

# %% tags=["setup"]
import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import cdist

from course_utils import data, exercises, plots, recognition, weights
from course_utils.session import start_session

rng = start_session(seed=0)
import keras

from course_utils import losses
from course_utils.models import build_embedding_model
from course_utils.recognition import training

plots.use_course_style()

# %% tags=["settings"]
ROUNDS = (0, 1, 2)  # each with other people and another seed
MARGIN = 0.2
NUM_PEOPLE = 8  # a batch
PHOTOS_PER_PERSON = 4  # of each, in a batch
EPOCHS = 8  # with BATCHES_PER_EPOCH the budget of every training in this notebook
BATCHES_PER_EPOCH = 12
LEARNING_RATE = 1e-3
PHOTOS_KEPT = (1, 3)  # of each training person, for section 8

# %% [markdown] lang="en"
# ## 1 · Anchor, positive, negative
#
# The **anchor** A and the **positive** P show one person, the **negative** N somebody else. What we
# want is not that $d(A, P)$ be small, but that it be smaller than $d(A, N)$:
#
# $$\lVert f(A) - f(P) \rVert^2 \;\le\; \lVert f(A) - f(N) \rVert^2.$$

# %% [markdown] lang="zh"
# ## 1 · 锚点、正例、负例
#
# **锚点**（anchor，课堂上叫“靶目标”）A 和**正例**（positive）P 是同一个人，**负例**（negative，课堂上叫“反例”）N 是另
# 一个人。我们要的不是 $d(A, P)$ 小，而是它比 $d(A, N)$ 小：
#
# $$\lVert f(A) - f(P) \rVert^2 \;\le\; \lVert f(A) - f(N) \rVert^2.$$

# %%
faces = data.load_orl_faces(dtype="float32", shrink=2)
images, labels = faces.images[..., None], faces.labels
pixels = faces.images.reshape(len(labels), -1)
groups = data.split_by_identity(labels, (10, 10, 10, 10), seed=0)

in_pixels = losses.mine_triplets(labels, pixels, mining="hard")
to_positive, to_negative = (
    np.sum((pixels[in_pixels.anchor] - pixels[part]) ** 2, axis=1)
    for part in (in_pixels.positive, in_pixels.negative)
)
violated = to_positive > to_negative
print(
    f"photos whose farthest positive is farther than their nearest negative: {violated.mean():.0%}"
)

# %%
order = np.argsort(to_negative - to_positive)
_, one_a_person = np.unique(labels[in_pixels.anchor][order], return_index=True)
worst = order[np.sort(one_a_person)[:4]]
shown = np.ravel(
    [(in_pixels.anchor[i], in_pixels.positive[i], in_pixels.negative[i]) for i in worst]
)
distances = np.ravel([(np.nan, to_positive[i], to_negative[i]) for i in worst])
captions = [
    "anchor" if np.isnan(d) else f"{name} {d:.0f}"
    for d, name in zip(distances, ["", "positive", "negative"] * 4, strict=True)
]
blue, orange = plots.COLORS["genuine"], plots.COLORS["impostor"]
plots.plot_image_grid(
    faces.images[shown],
    num_columns=6,
    captions=captions,
    frame_colors=[None, blue, orange] * 4,
    value_range=(0, 1),
)
plt.show()

# %% [markdown] lang="en"
# In raw pixels (the number is $d$ to the anchor) the inequality fails for nearly nine photos in ten, in their
# hardest triplet. Those are the triplets to learn from.
#
# ## 2 · The zero solution, and the margin
#
# The inequality has a solution that is worth nothing: $f(x) = 0$ for every $x$, or any constant.
# Then $0 \le 0$ holds. So ask for more than *not farther*: nearer **by a margin** $\alpha$,
#
# $$L(A, P, N) = \max\bigl(\lVert f(A) - f(P) \rVert^2 - \lVert f(A) - f(N) \rVert^2 + \alpha,\; 0\bigr).$$
#
# The lecture's example: $d(A, P) = 0.5$, $\alpha = 0.2$. When is the loss 0?

# %% [markdown] lang="zh"
# 在原始像素里（图上的数字是到锚点的 $d$），将近九成的照片，最难的三元组不满足这个不等式。要学的正是这些三元组。
#
# ## 2 · 零解，以及间隔
#
# 这个不等式有一个毫无价值的解：对所有 $x$ 都有 $f(x) = 0$，或者任何一个常数。那时 $0 \le 0$ 成立。所以要求的不能只是“不
# 更远”，而要近出一个**间隔** $\alpha$：
#
# $$L(A, P, N) = \max\bigl(\lVert f(A) - f(P) \rVert^2 - \lVert f(A) - f(N) \rVert^2 + \alpha,\; 0\bigr).$$
#
# 课堂上的例子：$d(A, P) = 0.5$，$\alpha = 0.2$。什么时候损失为 0？


# %%
def loss_of(d_positive, d_negative, margin):
    return np.maximum(d_positive - d_negative + margin, 0)


d_negative = np.linspace(0, 1.2, 121)
_, ax = plt.subplots(figsize=(7.6, 2.8))
for margin, style in ((0.0, "--"), (0.2, "-")):
    values = loss_of(0.5, d_negative, margin)
    ax.plot(d_negative, values, style, color=plots.COLORS["ink"], label=f"α = {margin}")
    first_zero = d_negative[np.flatnonzero(values < 1e-9)[0]]
    print(f"α = {margin}: the loss is 0 from d(A, N) = {first_zero:.2f} on")
ax.axvline(0.5, color=blue)
ax.annotate("d(A, P)", (0.5, 0.6), (-46, 0), textcoords="offset points", color=blue)
ax.axvspan(0.5, 0.7, color=orange, alpha=0.12, linewidth=0)
ax.annotate("farther,\nbut not enough", (0.6, 0.5), ha="center", fontsize=9)
ax.set(xlabel="d(A, N)", ylabel="loss", xlim=(0, 1.2), ylim=(0, None))
ax.legend()
plt.show()

# %% [markdown] lang="en"
# With $\alpha = 0.2$ a stranger at 0.51 is not far enough; 0.7 is. And the constant network now
# pays $\alpha$ for every triplet. Hold on to that: **a collapsed network has a loss of exactly**
# $\alpha$.
#
# ## 3 · By hand
#
# Three points in a plane, and what they cost:

# %% [markdown] lang="zh"
# 当 $\alpha = 0.2$ 时，0.51 处的陌生人还不够远，0.7 才够。而常数网络现在每个三元组都要付 $\alpha$。请记住：**坍缩的网
# 络，损失恰好等于** $\alpha$。
#
# ## 3 · 手算
#
# 平面上的三个点，算算它们的损失：

# %%
anchor, positive, negative = np.array([[0.0, 0.0]]), np.array([[0.6, 0.2]]), np.array([[-0.5, 0.4]])
d_ap, d_an = np.sum((anchor - positive) ** 2), np.sum((anchor - negative) ** 2)
by_hand = max(d_ap - d_an + MARGIN, 0)
by_package = float(losses.triplet_loss(anchor, positive, negative, margin=MARGIN)[0])
assert np.isclose(by_hand, by_package)

_, ax = plt.subplots(figsize=(4.6, 3.2))
for point, name, color in (
    (anchor, "A", plots.COLORS["ink"]), (positive, "P", blue), (negative, "N", orange)
):  # fmt: skip
    ax.plot(*point.T, "o", markersize=11, color=color)
    ax.annotate(name, point[0], (8, 6), textcoords="offset points", color=color, weight="bold")
for radius, name in ((d_ap, "d(A, P)"), (d_ap + MARGIN, "d(A, P) + α")):
    circle = plt.Circle((0, 0), np.sqrt(radius), fill=False, color=blue, linestyle=":")
    ax.add_patch(circle)
ax.set(xlim=(-1.05, 1.05), ylim=(-0.85, 0.85), aspect="equal")
plt.show()
print(f"max({d_ap:.2f} − {d_an:.2f} + {MARGIN}, 0) = {by_hand:.2f}")

# %% [markdown] lang="en"
# N lies outside the inner circle only if it is farther than P, and outside the outer one if it is
# farther by the margin. Here it lies between the two: the right order, but not by the margin. So P
# would be pulled, N pushed.
#
# The cost $J$ is the sum over all $m$ triplets. Here is what that means, in three loops, for a
# batch of untrained embeddings. The package computes the mean without building a triplet:

# %% [markdown] lang="zh"
# N 在内圈之外，才比 P 更远；在外圈之外，才远出一个间隔。这里它夹在两圈之间：次序对了，间隔不够，所以 P 会被拉近，N 会被推开。
#
# 代价 $J$ 是对全部 $m$ 个三元组求和。下面用三重循环写出它的意思，作用在一批未训练的嵌入上。软件包不必造出任何三元组，
# 就能算出平均值：


# %%
def cost_by_hand(labels, embeddings, margin):
    """J, the sum over all triplets, and m, their number."""
    total, count = 0.0, 0
    for a in range(len(labels)):
        for p in np.flatnonzero((labels == labels[a]) & (np.arange(len(labels)) != a)):
            for n in np.flatnonzero(labels != labels[a]):
                d_ap, d_an = (np.sum((embeddings[a] - embeddings[b]) ** 2) for b in (p, n))
                total, count = total + max(d_ap - d_an + margin, 0), count + 1
    return total, count


encoder = build_embedding_model(images.shape[1:])
some = np.flatnonzero(np.isin(labels, (0, 1, 2, 3)) & (np.arange(400) % 10 < 4))
embeddings = training.embed_faces(encoder, images[some])
total, count = cost_by_hand(labels[some], embeddings, MARGIN)
mean = float(losses.batch_triplet_loss(labels[some], embeddings, margin=MARGIN, mining="all"))
assert np.isclose(total, mean * count, rtol=1e-4)
print(f"m = {count} triplets from {len(some)} photos, J = {total:.1f}, J / m = {mean:.3f}")

# %% [markdown] lang="en"
# The untrained network's mean loss is nearly $\alpha$ already: before it has learned anything, it
# is nearly constant. It stands right beside the hole.
#
# ## 4 · A network collapses
#
# The lecture advises against drawing triplets at random: choose A and P that look different (a new
# haircut, a beard), A and N that look alike. Then the very hardest triplets sound best: for each
# anchor the farthest positive and
# the nearest negative. With squared distances, from the first step on:

# %% [markdown] lang="zh"
# 未训练的网络，平均损失已经差不多是 $\alpha$ 了：它什么都还没学，本来就几乎是个常数。它就站在那个漏洞旁边。
#
# ## 4 · 一个网络坍缩了
#
# 课堂上建议不要随机抽取三元组，而要挑 A 与 P 差别大的（换了发型、留了胡子）、A 与 N 长得像的。这样看来，最难的三元组
# 应该最好：对每个锚点，取最远的正例和最近的负例。用平方距离，从第一步就这样选：


# %%
def compiled_encoder(loss):
    """An encoder that learns with a loss, and measures how many triplets are active."""
    encoder = build_embedding_model(images.shape[1:])
    active = keras.metrics.MeanMetricWrapper(losses.active_fraction, name="active", margin=MARGIN)
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    encoder.compile(optimizer, loss, metrics=[active], jit_compile=False)
    return encoder


def train(encoder, index, seed, validation=None):
    """Embeddings of all photos after a training from the very start, and its history."""
    training.start_over(encoder, seed=seed)
    batches = training.BalancedBatches(
        images[index],
        labels[index],
        num_people=NUM_PEOPLE,
        photos_per_person=PHOTOS_PER_PERSON,
        batches_per_epoch=BATCHES_PER_EPOCH,
        augment=training.augment_faces,
        seed=seed,
    )
    history = training.train_encoder(encoder, batches, validation, epochs=EPOCHS, verbose=0)
    return training.embed_faces(encoder, images), history


def others_than(turn):
    """Photos of the thirty people of the other groups."""
    return np.setdiff1d(np.arange(len(labels)), groups[turn])


# %% tags=["nbval-ignore-output"]
import warnings

collapsing = {}
watched = images[groups[0]], labels[groups[0]]
semi_hard_learner = compiled_encoder(losses.TripletLoss(MARGIN, mining="semi-hard"))
learners = {
    "hard": compiled_encoder(losses.TripletLoss(MARGIN, mining="hard")),
    "semi-hard": semi_hard_learner,
}
for mining, learner in learners.items():
    with warnings.catch_warnings(record=True) as caught:
        collapsing[mining] = train(learner, others_than(0), seed=0, validation=watched)
    for warning in caught:
        print(f"{mining}: {warning.category.__name__}: {warning.message}")

# %% tags=["nbval-ignore-output"]
untrained_spread = training.embedding_spread(training.embed_faces(encoder, images[groups[0]]))
figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.0))
epochs = np.arange(1, EPOCHS + 1)
for mining, (_, history) in collapsing.items():
    color = plots.METHOD_COLORS[mining]
    left.plot(epochs, history.loss, color=color, label=f"{mining}, squared distance")
    spreads = [untrained_spread, *history.validation_spread]
    right.semilogy([0, *epochs], spreads, color=color, label=mining)
left.axhline(MARGIN, color=plots.COLORS["muted"], linestyle=":")
left.annotate("loss = α", (EPOCHS, MARGIN), (-44, 5), textcoords="offset points")
left.set(title="Loss", xlabel="epoch", ylim=(0, None))
right.set(title="Spread of the embeddings", xlabel="epoch", ylabel="mean d of two photos")
left.legend(loc="lower left")
plt.show()
for mining, (_, history) in collapsing.items():
    print(
        f"{mining:9s} last loss {history.loss[-1]:.4f}, spread {history.validation_spread[-1]:.1e}"
    )

# %% [markdown] lang="en"
# A loss that falls to $\alpha$ *and stays there* is not learning: it is the zero solution. The
# hardest triplets all say *I am violated*; the quickest way to quieten them is to say the same
# of everybody. Two numbers detect it, and `train_encoder` warns of it by itself: the loss is
# $\alpha$, and the **spread** of the embeddings, the mean $d$ of two photos, goes to 0. From the
# same start, semi-hard triplets (section 6) lead away from the hole.

# %% [markdown] lang="zh"
# 损失降到 $\alpha$ *就停在那里*，这不是在学习，而是零解。最难的三元组都在喊“我不满足”，最快让它们安静下来的办法，就是对
# 每个人都说同样的话。有两个数可以识破它（`train_encoder` 也会自己发出警告）：损失等于 $\alpha$，而嵌入的**分散程度**，即
# 两张照片之间 $d$ 的平均值，趋于 0。从同样的起点出发，半难三元组（第 6 节）会远离这个漏洞。

# %%
(_, hard), (_, semi_hard) = collapsing["hard"], collapsing["semi-hard"]
assert abs(hard.loss[-1] - MARGIN) < 0.005
assert hard.validation_spread[-1] < 1e-3 < untrained_spread
assert semi_hard.validation_spread[-1] > 10 * untrained_spread

# %% [markdown] lang="en"
# ## 5 · Why random triplets stop teaching
#
# A triplet whose loss is 0 has a gradient of 0. Train with random triplets, and look at the share
# of all triplets that are still **active**, that is, cost anything at all.

# %% [markdown] lang="zh"
# ## 5 · 为什么随机三元组很快就教不了什么
#
# 损失为 0 的三元组，梯度也为 0。用随机三元组训练，看看所有三元组中还有多少是**有效的**（active），即损失还大于 0。

# %% tags=["nbval-ignore-output"]
learners = {
    "random": compiled_encoder(losses.TripletLoss(MARGIN, mining="random", seed=0)),
    "all": compiled_encoder(losses.TripletLoss(MARGIN, mining="all", average="active")),
    "semi-hard": semi_hard_learner,
    "hard": compiled_encoder(losses.TripletLoss("soft", mining="hard", squared=False)),
}
trained = {
    mining: [train(learner, others_than(turn), seed=turn) for turn in ROUNDS]
    for mining, learner in learners.items()
}

# %% tags=["nbval-ignore-output"]
_, ax = plt.subplots(figsize=(7.6, 3.2))
for mining, runs in trained.items():
    active = np.array([history.metrics["active"] for _, history in runs])
    color = plots.METHOD_COLORS[mining]
    ax.plot(epochs, active.T, color=color, linewidth=0.8, alpha=0.5)
    ax.plot(epochs, active.mean(axis=0), "o-", color=color, label=f"trained on {mining}")
ax.yaxis.set_major_formatter("{x:.0%}")
ax.set(xlabel="epoch", ylabel="active share of all triplets", ylim=(0, 1.05), xticks=epochs)
ax.legend()
plt.show()
active_at_end = np.mean([history.metrics["active"][-1] for _, history in trained["random"]])
print(f"trained on random triplets, at the end: {active_at_end:.0%} of them still teach")

# %% [markdown] lang="en"
# After eight short epochs more than four in five random triplets are satisfied: their gradient is
# zero, and that work is done for nothing. This is the lecture's point about random draws.
# (The flat line at the top is another story: that network's embeddings lie so close together
# that no triplet keeps the margin. The curves count all triplets, not those a network learns from:
# semi-hard's is lowest, and it still picks from the few that are left.)
#
# ## 6 · Which triplets? Four ways at equal cost
#
# - **random**: for each anchor and positive, any negative;
# - **all** of a batch, averaged over the active ones;
# - **semi-hard** (FaceNet): the nearest negative that is still *farther than the positive*. It
#   may lack the margin, never the order (if no negative is farther: the farthest). That helps to
#   keep away from the zero solution;
# - **hard** (*batch hard*): farthest positive, nearest negative; here with plain distances and a
#   soft margin $\log(1 + e^{d_{AP} - d_{AN}})$, with which Hermans et al. make the collapse less likely.
#
# One anchor with its distances shows what each would take:

# %% [markdown] lang="zh"
# 短短八轮之后，五个随机三元组里已经有四个以上满足了：它们的梯度为零，那些计算都白做了。这就是课堂上说不要随机抽取的原
# 因。（顶上那条平线是另一回事：那个网络的嵌入挤得太紧，没有一个三元组达到间隔。曲线数的是全部三元组，不是各网络用来学
# 习的那些：半难的曲线最低，而它仍能从剩下的少数里挑选。）
#
# ## 6 · 选哪些三元组？同样训练量下的四种办法
#
# - **随机**（random）：对每个锚点和正例，任取一个负例；
# - 一批中的**全部**（all），只对有效的取平均；
# - **半难**（semi-hard，FaceNet）：*比正例更远*的负例中最近的那个。它可能缺间隔，但不缺次序（若没有更远的负例，就取最
#   远的），这有助于远离零解；
# - **最难**（hard，*batch hard*）：最远的正例，最近的负例；这里用不平方的距离和软间隔
#   $\log(1 + e^{d_{AP} - d_{AN}})$，Hermans 等人这样做，是为了减少坍缩的可能。
#
# 看一个锚点和它的各个距离，就知道每种办法会选谁：

# %% tags=["nbval-ignore-output"]
unseen = groups[0]
embeddings = trained["semi-hard"][0][0][unseen]
distances = cdist(embeddings, embeddings, "sqeuclidean")
same = labels[unseen][:, None] == labels[unseen][None, :]
nearest_negative = np.where(same, np.inf, distances).argmin(axis=1)

mined = losses.mine_triplets(labels[unseen], embeddings, mining="semi-hard")
to_positive = distances[mined.anchor, mined.positive]
beyond = distances[mined.anchor, mined.negative] - to_positive
violated = to_positive - distances[mined.anchor, nearest_negative[mined.anchor]]
telling = np.argmax(np.where((beyond > 0) & (beyond < MARGIN), violated, -1))
a, p, semi = (int(part[telling]) for part in mined)

# %% tags=["nbval-ignore-output"]
_, ax = plt.subplots(figsize=(9.2, 2.2))
for of_anchor, color in ((~same[a], orange), (same[a], blue)):
    there = distances[a, of_anchor]
    ax.plot(there, np.zeros(len(there)), "|", color=color, markersize=18)
ax.axvspan(distances[a, p], distances[a, p] + MARGIN, color=orange, alpha=0.12, linewidth=0)
named = ((p, "positive", 1), (semi, "semi-hard", -1), (nearest_negative[a], "hardest", -1))
for photo, name, side in named:
    place = (distances[a, photo], 0)
    ax.annotate(
        name, place, (0, 32 * side), textcoords="offset points", ha="center", va="center",
        arrowprops={"arrowstyle": "-", "color": plots.COLORS["muted"]},
    )  # fmt: skip
ax.set(yticks=[], ylim=(-1, 1), xlabel="d to the anchor: blue the same person, orange others")
ax.spines["left"].set_visible(False)
plt.show()

# %% [markdown] lang="en"
# Equal budget: the same batches, steps and optimiser, no validation, three rounds with other people and
# another seed in each. Tested on the ten people of each round who were left out. (The last two differ
# in more than the choice: "all" averages over the active, "hard" has a soft margin. And do not compare
# with notebook 03: there twenty people were trained on, here thirty.) In the figure the short strokes
# are the three rounds.

# %% [markdown] lang="zh"
# 训练量相同：同样的批次、步数和优化器，不用验证；三轮，每轮用不同的人、不同的种子。测试的是每轮留出的十个人。（“全部”
# 和“最难”不只是选法不同：前者只对有效的取平均，后者用软间隔。也不要与第 03 课直接比较：那里用二十个人训练，这里用三十
# 个。）图中的短竖线是各轮的结果。


# %%
def pairs_among(index, encoded):
    """All pairs of some photos, by squared distance."""
    chosen = encoded[index]
    return recognition.all_pairs(cdist(chosen, chosen, "sqeuclidean"), labels[index])


def eer_of(genuine, impostor):
    return recognition.equal_error_rate(genuine, impostor).rate


def one_shot(index, encoded):
    """How probably each photo is named rightly, over all galleries of one photo a person."""
    chosen = encoded[index]
    distances = cdist(chosen, chosen, "sqeuclidean")
    return 1 - recognition.rank1_error_by_gallery_size(distances, labels[index])[:, -1]


def over_rounds(encodings):
    """EER and one-shot accuracy: means over the rounds, resampling the people of each."""
    rates, right = [], []
    for turn, encoded in enumerate(encodings):
        index = groups[turn]
        pairs = pairs_among(index, encoded)
        rates.append(recognition.bootstrap_pairs(pairs, eer_of, num_resamples=200, seed=turn))
        chances = one_shot(index, encoded)
        right.append(
            recognition.bootstrap_mean(chances, labels[index], num_resamples=200, seed=turn)
        )
    eer, one_shot_rate = (recognition.mean_interval(intervals) for intervals in (rates, right))
    return eer, one_shot_rate, [rate.estimate for rate in rates]


# %% tags=["nbval-ignore-output"]
results = {
    mining: over_rounds([encoded for encoded, _ in runs]) for mining, runs in trained.items()
}
ax = plots.plot_intervals(
    {mining: eer for mining, (eer, _, _) in results.items()},
    xlabel="EER on unseen people after equal training (chance: 50 %)",
)
for row, (_, _, by_round) in enumerate(results.values()):
    ax.plot(by_round, np.full(len(by_round), row + 0.22), "|", color=plots.COLORS["ink"])
plt.show()
gains = {}
for mining, (eer, right, by_round) in results.items():
    each = " ".join(f"{rate:.1%}" for rate in by_round)
    print(f"{mining:9s} EER {eer.estimate:5.1%} (rounds {each}), one-shot {right.estimate:.0%}")
    gains[mining] = np.quantile(results["random"][0].samples - eer.samples, (0.025, 0.975))
for mining in ("all", "semi-hard", "hard"):
    low, high = gains[mining]
    print(f"EER, random minus {mining}: 95 % interval [{low:+.1%}, {high:+.1%}]")

# %% [markdown] lang="en"
# **What this shows, and what it does not.** The hardest triplets are the worst teachers here: within
# this budget the network has not found its way out of the hole. Between random, all and semi-hard
# the intervals decide nothing: in so short a training, random triplets run dry only towards the end.
# (How can the hard one still name 79 %? Its embeddings nearly coincide, but tiny differences have an
# order too, as in the untrained network of notebook 03.) What is wasted is work: most random triplets teach nothing at the
# end. FaceNet's argument is about millions of photos, where nearly *all* random triplets are
# satisfied, and we do not have those.

# %% [markdown] lang="zh"
# **这说明了什么，没说明什么。** 在这里，最难的三元组是最差的老师：在这点训练量之内，网络还没有从那个漏洞里走出来。至
# 于随机、全部和半难，区间分不出高下：训练这么短，随机三元组到快结束时才枯竭。（“最难”的网络怎么还能认对 79 %？嵌入虽
# 然几乎重合，微小的差别仍排得出次序，就像第 03 课里未训练的网络。）浪费的是计算：到最后，大多数随机三元组什么也教不
# 了。FaceNet 的理由针对的是几百万张照片，那时几乎*所有*随机三元组都已满足，而我们没有那么多照片。

# %%
of_mining = {mining: eer.estimate for mining, (eer, _, _) in results.items()}
assert max(of_mining, key=of_mining.get) == "hard"
assert max(of_mining[name] for name in ("random", "all", "semi-hard")) < of_mining["hard"] - 0.02
assert gains["hard"][1] < 0  # worse than random
assert gains["all"][0] < 0 < gains["all"][1]
assert gains["semi-hard"][0] < 0 < gains["semi-hard"][1]
assert 0.08 < active_at_end < 0.2

# %% [markdown] lang="en"
# ## 7 · The hardest triplets, seen
#
# For people it has never seen, which triplets does a trained encoder get most wrong? Here and in
# section 9 we use encoders that come with the course. They were trained for longer (400 steps, ours
# took 96), with a margin of 0.4 and a falling learning rate, on thirty people each, with every one of
# them in every batch (`tools/train_weights.py` makes them again); the manifest says which ten people
# were held out.

# %% [markdown] lang="zh"
# ## 7 · 看看最难的三元组
#
# 对它从未见过的人，训练好的编码器错得最厉害的是哪些三元组？这一节和第 9 节使用课程自带的编码器：训练得更久（400 步，
# 上面是 96 步），间隔为 0.4，学习率逐渐下降，每个都用三十个人训练，每一批里三十个人都在（`tools/train_weights.py` 可
# 以重新训练它们）；清单里写明了哪十个人被留出。

# %%
shipped = {}  # the people held out → two encoders, from two seeds
for name, entry in sorted(weights.read_manifest().items()):
    if name.startswith("triplet_orl"):
        encoder = build_embedding_model(images.shape[1:])
        encoder.load_weights(weights.weights_path(name))
        shipped.setdefault(tuple(entry.held_out), []).append(encoder)

for index, (held_out, encoders) in zip(groups, shipped.items(), strict=True):
    assert {faces.names[label] for label in labels[index]} == set(held_out)  # the same four groups
    print(f"{len(encoders)} encoders without {', '.join(held_out)}")

# %%
candidates = []
for held_out, (encoder, _) in zip(groups, shipped.values(), strict=True):
    embeddings = training.embed_faces(encoder, images[held_out])
    mined = losses.mine_triplets(labels[held_out], embeddings, mining="hard")
    for a, p, n in zip(*mined, strict=True):
        d_ap, d_an = (np.sum((embeddings[a] - embeddings[other]) ** 2) for other in (p, n))
        candidates.append((d_ap - d_an, *held_out[[a, p, n]], d_ap, d_an))
candidates.sort(key=lambda row: -row[0])
hardest, people_shown = [], set()
for _, a, p, n, d_ap, d_an in candidates:
    if not {labels[a], labels[n]} & people_shown and len(hardest) < 8:
        hardest.append((a, p, n, d_ap, d_an))
        people_shown |= {labels[a], labels[n]}
shown = np.ravel([row[:3] for row in hardest]).astype(int)
captions = np.ravel([("anchor", f"P  {row[3]:.2f}", f"N  {row[4]:.2f}") for row in hardest])
plots.plot_image_grid(
    faces.images[shown],
    num_columns=6,
    captions=list(captions),
    frame_colors=[None, blue, orange] * len(hardest),
    value_range=(0, 1),
)
plt.show()
satisfied = np.mean([row[0] < 0 for row in candidates])
print(f"hardest triplets of each photo that are in the right order: {satisfied:.0%}")

# %% [markdown] lang="en"
# The lecture's beard is here, on a stranger; and something it did not name: **glasses**. Put on or
# taken off, with the head turned, they move a man farther than a change of man does. To a network
# that has seen thirty people, glasses are part of who somebody is.
#
# ## 8 · Why each person needs several photos
#
# With one photo a person there is no positive. How many does it take? The same thirty people and
# the same budget, but only the first few photos of each. (With fewer photos than a batch asks for,
# a photo comes more than once, each time augmented differently: with a single one, the only
# positives are its own altered copies.)

# %% [markdown] lang="zh"
# 课堂上说的胡子这里有，长在陌生人脸上；还有一样它没提到的：**眼镜**。戴上或摘下眼镜，再转一转头，就比换一个人还要远。
# 在一个只见过三十个人的网络看来，眼镜就是这个人的一部分。
#
# ## 8 · 为什么每个人需要好几张照片
#
# 每人只有一张照片，就没有正例。需要多少张呢？同样的三十个人、同样的训练量，但每人只给前几张照片。（照片不够一批所需时，
# 同一张会重复出现，每次增强得不一样：只有一张时，唯一的正例就是它自己变形后的副本。）

# %% tags=["nbval-ignore-output"]
photo_number = np.arange(len(labels)) % 10
by_photos = {}
for num_photos in PHOTOS_KEPT:
    encodings = []
    for turn in ROUNDS:
        index = others_than(turn)
        index = index[photo_number[index] < num_photos]
        encodings.append(train(semi_hard_learner, index, seed=turn)[0])
    by_photos[num_photos] = over_rounds(encodings)
by_photos[10] = results["semi-hard"]

# %% tags=["nbval-ignore-output"]
_, ax = plt.subplots(figsize=(7.6, 3.0))
counts = list(by_photos)
means, lows, highs = np.array([by_photos[n][1][:3] for n in counts]).T
bars = np.array([means - lows, highs - means])
ax.errorbar(counts, means, bars, marker="o", capsize=3, color=plots.METHOD_COLORS["triplet loss"])
ax.axhline(0.1, color=plots.COLORS["muted"], linestyle=":")
ax.annotate("chance", (9.1, 0.13), color=plots.COLORS["muted"])
ax.yaxis.set_major_formatter("{x:.0%}")
ax.set(
    xlabel="photos of each training person",
    ylabel="one-shot, ten unseen people",
    ylim=(0, 1),
    xticks=counts,
)
plt.show()
for n, (eer, right, _) in by_photos.items():
    print(
        f"photos a person: {n:2d} · EER {eer.estimate:.1%}, one-shot {right.estimate:.1%} [{right.low:.1%}, {right.high:.1%}]"
    )

# %%
assert by_photos[1][1].high > by_photos[10][1].estimate > by_photos[1][1].estimate
assert by_photos[1][1].low > 0.5

# %% [markdown] lang="en"
# **The surprise:** a single photo works, too, since its own altered copies serve as positives; and at
# this budget the intervals for one, three and ten photos overlap widely. The copies teach that light, tilt
# and framing do not matter. That a smile does not matter they cannot teach, and the estimates do
# rise a little with real photos. What is scarcer than photos may be *people*; we have not varied their number.
#
# ## 9 · How good is it now?
#
# The encoders of the course on people they have never seen, all forty in turn, beside raw pixels
# and Fisherfaces (50 components), fitted to the same thirty people. *Mirrored*: the embeddings of a
# photo and of its mirror image added up, which costs a second pass and no training. *Two networks*:
# the mean of the distances of two encoders from different seeds.

# %% [markdown] lang="zh"
# **意外的是：** 只有一张照片也行得通，因为它自己变形后的副本可以充当正例；而且在这点训练量之下，一张、三张和十张的区
# 间大半重叠。副本教会网络的是光线、倾斜和构图无关紧要；微笑也无关紧要，这一点副本教不了，真实的照片多了，估计值也确实
# 略有上升。也许比照片更缺的是*人*；不过我们没有改变过人数。
#
# ## 9 · 现在有多好？
#
# 用课程自带的编码器，在它们从未见过的人身上测试，四十个人轮流上场；旁边是原始像素，以及在同样三十个人身上拟合的 Fisher
# 脸（50 个主成分）。“镜像”（mirrored）是指把一张照片和它的镜像的嵌入相加：多算一遍，但无需训练。“两个网络”（two
# networks）是指不同种子的两个编码器所给距离的平均。

# %% tags=["nbval-ignore-output"]
from course_utils.recognition import baselines

fisherfaces = []
for turn in range(4):
    index = others_than(turn)
    encoder = baselines.build_fisherfaces(50).fit(pixels[index], labels[index])
    fisherfaces.append(encoder.transform(pixels))

pairs_of_encoders = list(shipped.values())
final = {
    "raw pixels": over_rounds([pixels] * 4),
    "Fisherfaces": over_rounds(fisherfaces),
    "triplet loss": over_rounds([training.embed_faces(e[0], images) for e in pairs_of_encoders]),
    "triplet loss, mirrored": over_rounds(
        [training.embed_faces(e[0], images, mirror=True) for e in pairs_of_encoders]
    ),
    "two networks, mirrored": over_rounds(
        [training.embed_faces(e, images, mirror=True) for e in pairs_of_encoders]
    ),
}

# %% tags=["readme-picture"]
figure, axes = plt.subplots(2, 1, figsize=(7.6, 5.6))
titles = ("EER (chance: 50 %)", "one-shot, ten people (chance: 10 %)")
for ax, which, title in zip(axes, (0, 1), titles, strict=True):
    rates = {method: values[which] for method, values in final.items()}
    plots.plot_intervals(rates, xlabel=f"{title}, people never seen", ax=ax)
plt.show()
gain = final["Fisherfaces"][0].samples - final["two networks, mirrored"][0].samples
low, high = np.quantile(gain, (0.025, 0.975))
print(f"EER, Fisherfaces minus two networks: {gain.mean():+.1%} [{low:+.1%}, {high:+.1%}]")
eer, right = (
    {method: values[which].estimate for method, values in final.items()} for which in (0, 1)
)
assert eer["two networks, mirrored"] < 0.06
assert eer["two networks, mirrored"] < 0.5 * eer["raw pixels"]
assert right["two networks, mirrored"] > 0.92
assert low < 0 < high

# %% [markdown] lang="en"
# **Two networks, mirrored, have less than half the EER of raw pixels** on people never seen, learned
# from thirty people's photos.
# With mirroring, and again with a second opinion, the estimates improve a little: no new idea needed. Fisherfaces, given the same
# thirty people, stay close: the two networks are ahead in both figures, but the interval of the
# difference still holds 0. Forty people cannot settle it. What would: photos of more people. Notebook
# 05 takes an encoder that has seen millions of photos.
#
# ## 10 · Exercises
#
# **Exercise 1.** The loss of each triplet of a batch.

# %% [markdown] lang="zh"
# **两个网络加上镜像，在从未见过的人身上，等错误率不到原始像素的一半**，而用来学习的只有三十个人的照片。加上镜像，再加
# 上“第二意见”，估计值都略有改善，而且不需要任何新想法。Fisher 脸用同样的三十个人，紧随其后：两个网络在两幅图中都领
# 先，但差值的区间仍然包含 0。四十个人定不了胜负；能定胜负的是更多人的照片。第 05 课会用上一个见过几百万张照片的编码
# 器。
#
# ## 10 · 练习
#
# **练习 1：** 一批中每个三元组的损失。


# %% tags=["exercise"]
def my_triplet_loss(anchor, positive, negative, margin):
    return ...  # one loss a triplet


exercises.check_triplet_loss(my_triplet_loss)


# %% tags=["solution"]
# @title Solution
def solution_triplet_loss(anchor, positive, negative, margin):
    to_positive = np.sum((anchor - positive) ** 2, axis=1)
    to_negative = np.sum((anchor - negative) ** 2, axis=1)
    return np.maximum(to_positive - to_negative + margin, 0)


exercises.check_triplet_loss(solution_triplet_loss)

# %% [markdown] lang="en"
# **Exercise 2.** How far must the negative be, for the loss to be 0?

# %% [markdown] lang="zh"
# **练习 2：** 负例至少要多远，损失才为 0？


# %% tags=["exercise"]
def my_negative_distance(positive_distance, margin):
    return ...  # the smallest d(A, N)


exercises.check_negative_distance(my_negative_distance)


# %% tags=["solution"]
# @title Solution
def solution_negative_distance(positive_distance, margin):
    return positive_distance + margin


exercises.check_negative_distance(solution_negative_distance)

# %% [markdown] lang="en"
# **Exercise 3.** The semi-hard negative of one anchor and positive: its position among
# `negative_distances`. If no negative is farther than the positive, take the farthest.

# %% [markdown] lang="zh"
# **练习 3：** 给定一个锚点和正例，求半难负例在 `negative_distances` 中的位置。如果没有负例比正例更远，就取最远的那
# 个。


# %% tags=["exercise"]
def my_semi_hard(positive_distance, negative_distances):
    return ...  # a position


exercises.check_semi_hard(my_semi_hard)


# %% tags=["solution"]
# @title Solution
def solution_semi_hard(positive_distance, negative_distances):
    farther = negative_distances > positive_distance
    if not farther.any():
        return np.argmax(negative_distances)
    return np.argmin(np.where(farther, negative_distances, np.inf))


exercises.check_semi_hard(solution_semi_hard)

# %% [markdown] lang="en"
# **Exercise 4.** How many triplets are there in a batch of `num_people` people with
# `photos_per_person` photos each?

# %% [markdown] lang="zh"
# **练习 4：** 一批有 `num_people` 个人、每人 `photos_per_person` 张照片，共有多少个三元组？


# %% tags=["exercise"]
def my_triplet_count(num_people, photos_per_person):
    return ...  # an integer


exercises.check_triplet_count(my_triplet_count)


# %% tags=["solution"]
# @title Solution
def solution_triplet_count(num_people, photos_per_person):
    anchors = num_people * photos_per_person
    return anchors * (photos_per_person - 1) * (num_people - 1) * photos_per_person


exercises.check_triplet_count(solution_triplet_count)

# %% [markdown] lang="en"
# ## Summary
#
# - **The triplet loss** compares: the positive must be nearer than the negative, by a margin $\alpha$.
# - **The zero solution** is real: hard triplets led a network into it. Detector: the loss is
#   $\alpha$, and the spread of the embeddings goes to 0.
# - **Random triplets** run dry: most soon cost nothing. Semi-hard ones still cost something, and do
#   not lead into the hole here. At our size the choice matters less for the error than the lecture says.
# - **Several photos a person** help less than one expects while augmentation can stand in for them;
#   what is missing may be *more people*.
# - On people never seen, two encoders together, mirrored, have less than half the EER of raw
#   pixels. Commercial models learn from $10^6$ to $10^8$ photos, more than most of us can collect;
#   some of them have been published.
#
# **References.** Schroff, Kalenichenko, Philbin, "FaceNet: a unified embedding for face recognition
# and clustering", CVPR 2015 · Hermans, Beyer, Leibe, "In defense of the triplet loss for person
# re-identification", 2017 · Weinberger, Saul, "Distance metric learning for large margin nearest
# neighbor classification", JMLR 2009.
#
# **Next:** [05 · Verification as classification](05_classification.ipynb): a published encoder that has seen
# three million photos. On the same forty people it errs no less than raw pixels, until one thing is put right.
# Which? **Back:** [03 · Siamese networks](03_siamese.ipynb).

# %% [markdown] lang="zh"
# ## 小结
#
# - **三元组损失**做的是比较：正例必须比负例更近，近出一个间隔 $\alpha$。
# - **零解**真的会出现：最难的三元组就把一个网络带了进去。识破它的办法：损失等于 $\alpha$，嵌入的分散程度趋于 0。
# - **随机三元组**会枯竭：大多数很快就没有损失了。半难的仍然有损失，在这里也没有通向漏洞。在我们这样的规模上，选法对错误率的影
#   响没有课堂上说的那么大。
# - **每人几张照片**：只要数据增强能顶替，帮助就没有预想的大；真正缺的也许是*更多的人*。
# - 在从未见过的人身上，两个编码器加上镜像，合起来的等错误率不到原始像素的一半。商用模型用 $10^6$ 到 $10^8$ 张照片训
#   练，一般人很难收集到这么多；好在其中一些已经公开发布。
#
# **参考文献：** Schroff、Kalenichenko、Philbin，“FaceNet: a unified embedding for face recognition and
# clustering”，CVPR 2015 · Hermans、Beyer、Leibe，“In defense of the triplet loss for person
# re-identification”，2017 · Weinberger、Saul，“Distance metric learning for large margin nearest neighbor
# classification”，JMLR 2009。
#
# **下一课：** [05 · 人脸验证与二分类](05_classification.ipynb)：一个公开发布、见过三百万张照片的编码器。面对同样的四
# 十个人，它错得并不比原始像素少，直到改好一件事。是哪一件？**上一课：** [03 · 孪生网络](03_siamese.ipynb)。
