# %% [markdown] lang="en"
# # 06 · What neural style transfer is
#
# *Nobody painted the first picture below, and nothing was trained for it. Even the painting whose
# style it has is a program.* A photo is painted in the hand of another picture; then we ask whether
# that is more than new colours.
#
# **After this you can**
# - say what C, S and G are, and what a style transfer changes: the pixels of G, no weight of any network;
# - paint any photo in any style, choose how strong the style is, and say what it costs;
# - tell a transfer of style from a mere change of colours, with a judge, a baseline and chance;
# - keep a photo's colours, mix two styles, paint only a part of it, and do all this with photos of your own.
#
# **You need** convolutional layers and gradient descent; nothing from the notebooks on faces.
# **Run time:** about 95 seconds on 2 CPU cores.

# %% [markdown] lang="zh"
# # 06 · 什么是神经风格迁移
#
# *下面第一幅画没有人画过，也没有为它训练过任何网络；就连它所模仿的那幅画，也是一段程序画的。* 我们先把一张照片画成另一
# 幅画的样子，再追问一句：这是不是只换了颜色？
#
# **学完本课，你能够**
# - 说出 C、S、G 各是什么，以及风格迁移改变的是什么：只是 G 的像素，不是任何网络的权重；
# - 把任意照片画成任意风格，选择风格的强弱，并说出为此付出的代价；
# - 用一个评判者、一个基线和随机水平，分清风格迁移与单纯的换色；
# - 保留照片的颜色、混合两种风格、只画照片的一部分，并用自己的照片做这一切。
#
# **预备知识：** 卷积层和梯度下降；不需要前面人脸各课的内容。
# **运行时间：** 双核 CPU 约 95 秒。

# %% tags=["setup"]
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import binomtest

from course_utils import data, exercises, plots
from course_utils.session import start_session

start_session(seed=0)
from course_utils import losses, models, style_transfer
from course_utils.style_transfer import Costs, Descent, transfer_style
from course_utils.tensors import gram_matrix

plots.use_course_style()

# %% tags=["settings"]
CONTENTS = ("chelsea", "china", "coffee")
STYLES = ("swirling_night", "woodblock", "stained_glass", "ink_mountains")
LARGE = 256  # pixels of the longer side of the first picture,
MIDDLE = 144  # of those in section 7
SMALL = 128  # and of all others
DESCENT = Descent(steps=20)  # evaluations of the cost at each size, at most
STRENGTHS = (1.0, 3.0, 10.0, 100.0)  # β, the weight of the style; the content weighs α = 1
JUDGES = ("block2_conv2", "block3_conv3", "block4_conv3")  # layers that no transfer is asked about
MY_PHOTO = None  # section 7: a file
MY_STYLE = "woodblock"  # the name of a style, or a file

# %% [markdown] lang="en"
# ## 1 · Content, style, and a third picture
#
# The lecture's three letters: the **content image** C says what is to be seen, the **style image**
# S says how it is painted, and the **generated image** G is what comes out. One call,
# `transfer_style`, does it; `show` is for looking:

# %% [markdown] lang="zh"
# ## 1 · 内容、风格和第三张图
#
# 课堂上的三个字母：**内容图** C 决定画什么，**风格图** S 决定怎么画，**生成图** G 就是画出来的结果。调用一次
# `transfer_style` 就够了；`show` 只是用来看图：

# %% tags=["readme-picture"]
C = data.load_photos(["china"], max_side=LARGE)["china"]
S = data.load_style("swirling_night", image_size=C.shape[:2])
on_the_way = []
first = transfer_style(
    C, S, descent=DESCENT, callback=lambda moment: on_the_way.append(moment.image)
)
G = first.image


def show(pictures, num_columns=None, width=10.2):
    """A list of (title, picture), row by row."""
    num_columns = num_columns or len(pictures)
    num_rows = -(-len(pictures) // num_columns)
    num_lines = 1 + max(title.count("\n") for title, _ in pictures)
    height = num_rows * (width / num_columns * 0.667 + 0.22 * num_lines)
    _, axes = plt.subplots(num_rows, num_columns, figsize=(width, height), squeeze=False)
    for ax, (title, picture) in zip(axes.flat, pictures, strict=True):
        ax.imshow(picture)
        ax.set_title(title, fontsize=10)
        ax.axis("off")
    plt.show()


show([("content C", C), ("style S", S), ("generated image G", G)])

# %% [markdown] lang="en"
# Every roof is where it was, now in thick blue and yellow strokes. Look at the sky as well. The
# photo has almost nothing there, so nothing holds the style back, and it fills with whirls: flat
# areas are where a style transfer invents. And what failed: no night has fallen and no star come
# out. The picture as a whole is about as dark as the painting, but most of the dark went to the
# tower and the trees, which were dark already: the cost of style says how much of it there should
# be, not where. In section 7 the sky is painted by itself. (Photo: the Tower of Buddhist Incense in
# the Summer Palace, Beijing, by danielbuechele, CC BY 2.0.)
#
# ## 2 · Nothing is trained
#
# How is it done? A network that others have trained, the **trunk** of VGG-16 (trained on objects,
# then fine-tuned for outlines; notebook 07 looks inside), is shown all three pictures and says two
# numbers: how far G is from C in content, and how far from S in style. Each is 1 if G left the
# network silent (all its activations 0), and 0 if there is nothing left to wish. What the descent
# lowers is their weighted sum
#
# $$J(G) = \alpha\,J_{\text{content}}(C, G) + \beta\,J_{\text{style}}(S, G)$$
#
# (and a small price for noise), by changing the pixels of G. How the two are defined is the subject of
# notebook 08. The network stays as it is:

# %% [markdown] lang="zh"
# 每一片屋顶都还在原处，却已是蓝黄相间的厚重笔触。再看看天空：照片在那里几乎什么也没有，没有东西约束风格，于是长满了漩
# 涡。平坦的区域，正是风格迁移自由发挥的地方。也有没做到的：夜没有降临，一颗星也没有出来。整张图已经和那幅画差不多暗，但
# 暗色大多落在本来就暗的楼阁和树上：风格代价只管暗色有多少，不管在哪里。第 7 节会单独画天空。（照片：北京颐和园佛香
# 阁，danielbuechele 摄，CC BY 2.0。）
#
# ## 2 · 没有训练任何东西
#
# 这是怎么做到的？请一个别人训练好的网络，即 VGG-16 的**主干**（先用物体训练，再为画轮廓而微调；第 07 课会看到它的内
# 部），来看这三张图，并说出两个数：G 的内容离 C 有多远，风格离 S 有多远。如果 G 让网络完全沉默（激活全为 0），两个数
# 都是 1；如果已经无可挑剔，就是 0。梯度下降要降低的是它们的加权和
#
# $$J(G) = \alpha\,J_{\text{content}}(C, G) + \beta\,J_{\text{style}}(S, G)$$
#
# （外加对噪点的一点惩罚），办法是改变 G 的像素。这两项怎样定义，留到第 08 课再讲。网络本身始终不变：

# %%
trunk = models.build_vgg_features(["block5_conv1"])
print(f"numbers in G: {G.size:,}")
print(f"weights in the network: {trunk.count_params():,}")
print(f"of these to be trained: {len(trunk.trainable_weights)}")

# %% tags=["nbval-ignore-output"]
history = first.history
evaluations = np.arange(1, len(history.total) + 1)
fine = history.heights == C.shape[0]
_, ax = plt.subplots(figsize=(7.6, 2.8))
for stage, name in ((~fine, "half the size"), (fine, "full size")):
    ax.plot(evaluations[stage], history.total[stage], label=name)
ax.set(xlabel="evaluation of J and its gradient", ylabel="J(G)", ylim=(0, None))
ax.set_title("What descends: the cost of the picture")
ax.legend()
plt.show()
print(f"{len(evaluations)} evaluations of J; the descent ended: {first.ended}")

# %%
assert trunk.trainable_weights == []
for stage in (~fine, fine):  # costs at different sizes cannot be compared
    assert history.total[stage].min() < history.total[stage][0] / 2
last_coarse = np.flatnonzero(~fine)[-1]
shown = [0, 4, last_coarse, len(on_the_way) - 1]
show([(f"G after evaluation {number + 1}", on_the_way[number]) for number in shown])

# %% [markdown] lang="en"
# The sum falls steeply and then ever more slowly. The picture is painted twice, first at half the
# size: there a stroke is found soon, because it is only half as many pixels long. Enlarged, it is
# the start of the second descent, which adds the fine grain; hence the jump in the curve, since
# finer pictures cost something else. The very first G is C with the colours of S: from there the
# way is shorter. The lecture starts from noise; notebook 08 compares both.
#
# ## 3 · Eight paintings that are programs
#
# Where do styles come from, without a download and without anybody's rights? The course paints its own: eight
# programs, eight techniques.

# %% [markdown] lang="zh"
# 这个和先是急降，然后越来越慢。整幅画要画两遍，先画一半大小的：这时一笔的像素也只有一半长，很快就能找到。放大以后，它
# 就是第二次优化的起点，再添上细节；曲线在这里跳了一下，因为更细的画，代价本来就不同。最初的 G 是换上 S 的颜色的 C，从
# 那里出发，路更短。课堂上从噪声开始；两种起点在第 08 课比较。
#
# ## 3 · 八幅画，八段程序
#
# 不下载，也不涉及任何人的版权，风格从哪里来？课程自己画：八段程序，八种技法。

# %%
sources = [source for source in data.list_styles() if source.kind == "painted"]
large = (140, 210)  # pixels, as many as are shown
show(
    [
        (f"{each.title}\n{each.name}", data.load_style(each.name, image_size=large))
        for each in sources
    ],
    num_columns=4,
)
again = data.load_style("woodblock", image_size=(60, 90))
assert np.array_equal(again, data.load_style("woodblock", image_size=(60, 90)))

# %% [markdown] lang="en"
# The same size gives the same pixels, and any size can be had: a program does not grow coarse when it is
# enlarged. Below, one print in three shapes: the wave follows the sheet, but lines, foam and grain are drawn
# anew and not stretched along. Van Gogh's own "starry_night" joins the list where Debian's or Ubuntu's package
# opencv-doc is installed; and any picture of yours will do, by its path.

# %% [markdown] lang="zh"
# 同样的大小总是得到同样的像素；而且要多大有多大，程序不会因为放大而变粗糙。下面是同一幅版画的三种尺寸：浪随着纸张
# 伸展，线条、浪花和木纹却是重新画的，没有跟着拉长。装了 Debian 或 Ubuntu 的 opencv-doc 软件包，列表里就会多出梵高的
# `starry_night`；你自己的任何图片，给出路径也能用。

# %%
_, axes = plt.subplots(1, 3, figsize=(8.6, 2.4), gridspec_kw={"width_ratios": (1.5, 0.7, 3)})
for ax, (height, width) in zip(axes, ((160, 240), (340, 238), (200, 600)), strict=True):
    ax.imshow(data.load_style("woodblock", image_size=(height, width)))
    ax.set_title(f"{width} × {height}")
    ax.axis("off")
plt.show()

# %% [markdown] lang="en"
# ## 4 · Any content, any style
#
# Three photos, four styles, twelve descents, at 128 pixels so that it does not take long:

# %% [markdown] lang="zh"
# ## 4 · 任意内容，任意风格
#
# 三张照片，四种风格，一共优化十二次；为了快一些，长边只有 128 个像素：

# %%
photos = data.load_photos(CONTENTS, max_side=SMALL)
size = photos["china"].shape[:2]
paintings = {source.name: data.load_style(source.name, image_size=size) for source in sources}
gallery = {
    (content, style): transfer_style(photos[content], paintings[style], descent=DESCENT).image
    for content in CONTENTS
    for style in STYLES
}

# %%
empty = ("", np.full((*size, 3), 255, np.uint8))
rows = [empty, *((style.replace("_", " "), paintings[style]) for style in STYLES)]
for content in CONTENTS:
    rows += [(content, photos[content]), *(("", gallery[content, style]) for style in STYLES)]
show(rows, num_columns=5, width=9.2)

# %% [markdown] lang="en"
# Along a row the thing stays, down a column the hand. **Stained glass** comes through in every
# photo, by its colours; its clean dark lines of lead do not. The **woodblock** bends the tower's
# roofs into waves. **Ink** is the weakest: grey and pale, but stains instead of brush strokes, and
# around the cup the table dissolves. One reason is the size: at 128 pixels a stroke is a few pixels
# wide, and thin lines are the first thing to be lost.
#
# ## 5 · How much style?
#
# The price for noise apart, only the ratio of $\alpha$ and $\beta$ matters: it says how much
# content may be given up for a little more style. Here $\alpha = 1$ and $\beta$ grows. The last
# picture is what remains with $\alpha = 0$, when nothing asks for the cat any more, and the descent
# starts from noise as in the lecture:

# %% [markdown] lang="zh"
# 横着看，画的东西不变；竖着看，画法不变。**彩色玻璃**（stained glass）在每张照片上都认得出来，靠的是颜色，而那些利落
# 的深色铅条却没有过来。**木版画**（woodblock）把楼阁的屋檐弯成了浪。**水墨**（ink mountains）最弱：灰是灰了，淡也淡
# 了，却只见墨渍，不见笔触，杯子周围的桌面也化开了。原因之一是尺寸：只有 128 个像素宽时，一笔不过几个像素，最先丢掉的
# 就是细线。
#
# ## 5 · 风格要多强？
#
# 不算对噪点的那一点惩罚，要紧的只是 $\alpha$ 与 $\beta$ 之比：为了多一点风格，愿意放弃多少内容。这里
# $\alpha = 1$，$\beta$ 逐渐增大。最后一张是 $\alpha = 0$ 时剩下的东西：再没有什么要求画出这只猫，优化也像课堂上那样从噪
# 声开始：

# %% tags=["nbval-ignore-output"]
cat, night = photos["chelsea"], paintings["swirling_night"]
wishes = {f"β = {beta:g}": Costs(beta=beta) for beta in STRENGTHS}
strip = {"C itself": cat}
for name, wish in wishes.items():
    known = wish.beta == Costs().beta  # in the gallery
    strip[name] = (
        gallery["chelsea", "swirling_night"]
        if known
        else transfer_style(cat, night, costs=wish, descent=DESCENT).image
    )
from_noise = Descent(steps=20, start="noise")
strip["α = 0, from noise"] = transfer_style(
    cat, night, costs=Costs(alpha=0), descent=from_noise
).image

ask = style_transfer.Objective(cat.astype("float32"), [night.astype("float32")], Costs())
costs = {name: ask(image.astype("float32"))[0] for name, image in strip.items()}
show(
    [
        (f"{name}\ncontent {costs[name].content:.2f}, style {costs[name].style:.3f}", image)
        for name, image in strip.items()
    ],
    num_columns=3,
    width=8.6,
)

# %%
contents, styles = (
    np.array([getattr(cost, part) for cost in costs.values()]) for part in ("content", "style")
)
assert contents[0] == 0
assert np.all(np.diff(contents[:5]) > 0)  # the more style, the farther from the photo
assert np.all(np.diff(styles[:5]) < 0)

# %% [markdown] lang="en"
# From picture to picture the style cost falls and the content cost rises; what you choose is the
# exchange rate. At $\beta = 100$ the content cost is even above 1: farther from the photo than
# silence, because wrong strokes say more wrong things than none. **The surprise:** the cat can
# still be seen there. The descent began at the cat, and 20 evaluations at each size did not undo
# it. The last picture differs in two things, $\alpha = 0$ and the start, and there the cat is gone.
# What remains is a **texture**: colours, strokes and whirls of the night in some order, and no
# picture. That is what this cost means by style. ($\beta = 10$ is the default, with which all
# pictures above were painted.)
#
# ## 6 · The sceptic's question
#
# Much of what strikes the eye above is colour. Could one not simply give the photo the painting's colours, and do
# without a network? **Baseline:** `recolored` maps the photo's reds, greens and blues so that their mean and
# covariance are the painting's (Pitié, Kokaram, 2007). It moves no pixel and paints no stroke.

# %% [markdown] lang="zh"
# 一张接一张，风格代价下降，内容代价上升；你选择的是两者的兑换率。$\beta = 100$ 时内容代价甚至超过 1：比沉默离照片还远，
# 因为乱画几笔，比什么都不画错得更多。**意外的是：** 那里仍然看得见猫。优化是从猫开始的，每种大小只算 20 次，还不足以把
# 它抹掉。最后一张有两处不同：$\alpha = 0$，而且从噪声开始；猫就没有了，剩下的是**纹理**：那幅夜景的颜色、笔触和漩涡，随
# 便排在一起，不成画面。这个代价所说的风格，就是这个。（默认是 $\beta = 10$，前面的图都是用它画的。）
#
# ## 6 · 怀疑者的问题
#
# 上面最显眼的，多半是颜色。那么不用网络，直接给照片换上那幅画的颜色，行不行？**基线：** `recolored` 对照片的红、
# 绿、蓝做线性变换，使它们的均值和协方差与画相同（Pitié、Kokaram，2007）。它不移动一个像素，也不添一笔。


# %%
def recolored(content, style):
    return np.rint(style_transfer.recolored(photos[content], paintings[style])).astype("uint8")


methods = {
    "the photo itself": lambda content, style: photos[content],
    "photo, recoloured": recolored,
    "style transfer": lambda content, style: gallery[content, style],
}
one = ("coffee", "stained_glass")
show([(name, make(*one)) for name, make in methods.items()])

# %% [markdown] lang="en"
# To us the difference is plain. But a claim wants a count. A **judge** says which of the eight
# paintings a picture comes nearest to in style; chance is 1 in 8. It compares Gram matrices, the
# numbers by which the style cost compares two pictures (notebook 08 takes them apart). It should
# not ask what the descent was told to answer. So it looks at three layers that no transfer was
# asked about, and at the eight paintings mirrored left to right. (That helps only in part: the
# layers are neighbours of those that were asked, and to a Gram matrix a mirrored painting is nearly
# the same, as notebook 08 measures.) It judges twice: in colour, and with every picture and
# painting turned to grey, where new colours cannot help.

# %% [markdown] lang="zh"
# 在我们眼里，区别一望而知。但要下结论，就得数一数。**评判者**说出一张图的风格离八幅画中的哪一幅最近；随机水平是八分之
# 一。它比较的是格拉姆矩阵，也就是风格代价用来比较两张图的那些数（第 08 课细讲）。它不应当拿优化时已经给过答案的题来
# 考：所以它看的是任何一次迁移都没有用过的三个层，八幅画也全都左右翻转。（这只能解决一部分问题：这三层紧挨着用过的层，
# 而左右翻转的画在格拉姆矩阵看来几乎没有变，第 08 课会测量。）而且要评两次：一次看彩色，一次把所有图和画都变成灰度，这
# 时换颜色就帮不上忙了。

# %%
judge = models.build_vgg_features(JUDGES)


def grams_of(image):
    seen = judge(image[None].astype("float32"))
    return [gram_matrix(seen[layer]) for layer in JUDGES]


def candidates_from(prepare):
    """For each layer the Gram matrices of all paintings, prepared and mirrored."""
    seen = [grams_of(prepare(painting[:, ::-1])) for painting in paintings.values()]
    return [np.concatenate(grams) for grams in zip(*seen, strict=True)]


def nearest(image, candidates):
    """The name of the painting of least style cost; in each layer, 1 is what silence costs."""
    distances = sum(
        losses.gram_cost(wanted, found) / losses.gram_cost(wanted, 0 * wanted)
        for wanted, found in zip(candidates, grams_of(image), strict=True)
    )
    return list(paintings)[int(np.argmin(distances))]


as_they_are = candidates_from(lambda image: image)
assert all(nearest(painting, as_they_are) == name for name, painting in paintings.items())


# %% tags=["nbval-ignore-output"]
def count_right(make, prepare):
    """Pictures, of twelve, whose style is nearest to that of the painting they are to resemble."""
    candidates = candidates_from(prepare)
    return sum(nearest(prepare(make(*pair)), candidates) == pair[1] for pair in gallery)


def grey(image):
    return np.repeat(image @ np.array([[0.299], [0.587], [0.114]]), 3, axis=2)


looks = {"in colour": lambda image: image, "in grey": grey}
right = {
    (look, name): count_right(make, prepare)
    for look, prepare in looks.items()
    for name, make in methods.items()
}
for (look, name), count in right.items():
    low, high = binomtest(count, len(gallery)).proportion_ci()
    print(
        f"{look:9} · {name:17} {count:2} of {len(gallery)}, 95 % interval {low:.0%} to {high:.0%}"
    )

# %%
for look in looks:
    assert right[look, "the photo itself"] <= len(CONTENTS)  # one answer for all four styles
    assert right[look, "style transfer"] >= 10
    assert right[look, "style transfer"] > right[look, "photo, recoloured"]
assert right["in grey", "photo, recoloured"] <= 6

# %%
_, axes = plt.subplots(1, 2, figsize=(10.2, 2.4), sharey=True)
for ax, look in zip(axes, looks, strict=True):
    shares = np.array([right[look, name] / len(gallery) for name in methods])
    ends = [binomtest(right[look, name], len(gallery)).proportion_ci() for name in methods]
    spread = np.abs(np.transpose(ends) - shares)
    ax.errorbar(shares, range(3), xerr=spread, fmt="o", capsize=4, color=plots.COLORS["ink"])
    ax.axvline(
        1 / len(paintings), color=plots.COLORS["muted"], linestyle=":", label="chance, 1 in 8"
    )
    ax.set(
        title=f"Judged {look}",
        xlabel="share named after the right painting, 95 % interval",
        xlim=(-0.03, 1.03),
    )
    ax.set_yticks(range(3), list(methods))
    ax.grid(axis="y", visible=False)
axes[0].set_ylim(2.5, -0.5)
axes[0].legend()
plt.show()

# %% [markdown] lang="en"
# **In colour the sceptic has a point:** recolouring alone is named after the right painting in
# about two cases of three. **In grey he has none:** it falls to the level of the photo itself.
# (That is 3 of 12 and cannot be more: a photo gets one answer, which is right for one style of the
# four at best.) The transferred pictures keep all twelve, or nearly. So more than colours came
# over. Three reservations. The twelve share three photos and four styles, so that they are fewer
# than twelve independent trials, and the 95 % confidence intervals drawn here are too narrow. The
# judge is the same network, and independent only in part, as said above. And whether *people* see
# the painter's hand, it cannot say.
#
# ## 7 · Three knobs, and a photo of your own
#
# `keep_colors=True` takes only the brushwork and leaves the photo its colours (exercise 3). A list of styles adds up
# their costs. A `mask` says where the style is wanted; here that is
# wherever the photo is bright.

# %% [markdown] lang="zh"
# **看彩色，怀疑者有几分道理：** 单靠换色，大约三次里有两次归到了正确的画。**看灰度，他就没有道理了：** 换色降到了照片本
# 身的水平。（照片本身是 12 次中对 3 次，也不可能更多：一张照片只有一个回答，四种风格里至多对一种。）风格迁移的十二张图
# 却全部或几乎全部归对。可见过来的不只是颜色。有三点需要说明。十二张图只用了三张照片、四种风格，算不上十二次独立试验，所
# 以图中的 95 % 置信区间偏窄。评判者还是同一个网络，如前所述，只在一定程度上独立。最后，*人*能不能看出画家的手笔，它回答
# 不了。
#
# ## 7 · 三个旋钮，和你自己的照片
#
# `keep_colors=True` 只取笔触，颜色仍用照片自己的（练习 3）。给出几种风格，它们的代价就加在一起。`mask`（蒙版）指明哪里
# 要风格；这里是照片里明亮的地方。

# %%
larger = data.load_photos(CONTENTS, max_side=MIDDLE)
night, glass, wave = (
    data.load_style(name, image_size=larger["china"].shape[:2])
    for name in ("swirling_night", "stained_glass", "woodblock")
)
bright = larger["china"].min(axis=2) > 130  # the sky and the lake
knobs = {
    "keep_colors=True": transfer_style(larger["chelsea"], night, keep_colors=True, descent=DESCENT),
    "stained glass + woodblock": transfer_style(larger["coffee"], [glass, wave], descent=DESCENT),
    "mask: sky and lake": transfer_style(larger["china"], night, mask=bright, descent=DESCENT),
}
show([(name, picture.image) for name, picture in knobs.items()])
outside = knobs["mask: sky and lake"].image[~bright]
assert np.array_equal(outside, larger["china"][~bright])

# %% [markdown] lang="en"
# The cat keeps its fur, and only the brush is new. Two styles give neither the one nor the other
# but something between, with the colours of both. Under the mask the sky turns to the deep blue
# and the yellow of the night: in section 1 tower and trees took most of the dark, here sky and lake
# have to take it all. Outside the mask the
# photo has not changed by one level, as the cell asserts.
#
# **Your own photo.** Set `MY_PHOTO` at the top to the path of a photo, and `MY_STYLE` to a name from section 3 or
# to the path of a picture; the next cell paints it. Without a notebook, in the shell:
#
# ```
# course stylize photo.jpg woodblock -o painting.png
# ```
#
# `--keep-colors`, `--blend` and `--mask` are the three knobs, and `--size` says how many pixels the
# longer side has: with twice as many each evaluation takes about four times as long.

# %% [markdown] lang="zh"
# 猫还是原来的毛色，只有笔触是新的。两种风格合在一起，既不是这一种，也不是那一种，而是介于两者之间，两边的颜色都有。蒙
# 版之内，天空有了那幅夜景的深蓝和黄色：第 1 节里暗色大多归了楼阁和树，这里却只能全由天空和湖面来承担。蒙版之外，照片
# 连一个灰度级也没有变，单元格里检查了这一点。
#
# **你自己的照片。** 把开头的 `MY_PHOTO` 设为一张照片的路径，`MY_STYLE` 设为第 3 节里的一个名字，或一张图片的路径，下
# 一个单元格就会把它画出来。不用笔记本，在命令行里也行：
#
# ```
# course stylize photo.jpg woodblock -o painting.png
# ```
#
# `--keep-colors`、`--blend` 和 `--mask` 就是那三个旋钮；`--size` 是长边的像素数，加倍以后，每算一次大约要花四倍的时间。

# %%
if MY_PHOTO is not None:
    mine = data.read_photo(MY_PHOTO)
    show([("C", mine), ("G", transfer_style(mine, data.load_style(MY_STYLE)).image)])

# %% [markdown] lang="en"
# ## 8 · Exercises
#
# **Exercise 1.** One style transfer paints an image of `height` × `width` pixels in colour, with a
# network of `num_network_weights` weights, which is frozen. How many numbers does the gradient
# descent change? The whole trunk of VGG-16 has 14.7 million weights (above, its first eleven
# convolutions sufficed: ten million): has an image of 400 × 600 pixels more numbers, or fewer?

# %% [markdown] lang="zh"
# ## 8 · 练习
#
# **练习 1：** 做一次风格迁移，要画一张 `height` × `width` 像素的彩色图像；所用的网络有 `num_network_weights` 个权重，
# 全部冻结。梯度下降改变的一共是多少个数？VGG-16 的整个主干有 1470 万个权重（前面只用了它的前十一个卷积层，一千万
# 个）：400 × 600 像素的图像，要改变的数比它多，还是比它少？


# %% tags=["exercise"]
def my_num_optimized(height, width, num_network_weights):
    return ...  # an integer


exercises.check_num_optimized(my_num_optimized)


# %% tags=["solution"]
# @title Solution
def solution_num_optimized(height, width, num_network_weights):
    return height * width * 3


assert solution_num_optimized(400, 600, 14_714_688) == 720_000  # a twentieth of the trunk's weights
exercises.check_num_optimized(solution_num_optimized)

# %% [markdown] lang="en"
# **Exercise 2.** The loop of the lecture, on any cost. `gradient` is a function of one image that returns
# ∂J/∂G, an array of the image's shape. Begin with `start` and take `steps` steps
# G := G − `learning_rate` · `gradient`(G); after each step, clip G to 0–255. Leave `start` as it was. Why is it
# not enough to clip once, at the end?

# %% [markdown] lang="zh"
# **练习 2：** 写出课堂上的那个循环，代价可以任意。`gradient` 是一个函数，输入一张图像，返回 ∂J/∂G，形状与图像相同。从
# `start` 开始走 `steps` 步：G := G − `learning_rate` · `gradient`(G)；每走一步，就把 G 截断到 0–255。`start` 本身要保
# 持原样。想一想：为什么不能只在最后截断一次？


# %% tags=["exercise"]
def my_descend(gradient, start, learning_rate, steps):
    return ...  # the image after the last step


exercises.check_descend(my_descend)


# %% tags=["solution"]
# @title Solution
def solution_descend(gradient, start, learning_rate, steps):
    image = start.copy()
    for _ in range(steps):
        # each time: the next gradient must be that of an image that can be shown
        image = np.clip(image - learning_rate * gradient(image), 0, 255)
    return image


exercises.check_descend(solution_descend)

# %% [markdown] lang="en"
# **Exercise 3.** A painting brings its colours along. To have its brush strokes in the photograph's own colours,
# keep only the *brightness* of the generated image: with Y = 0.299 R + 0.587 G + 0.114 B (here the letters are
# red, green and blue), add Y(`generated`) − Y(`content`) to all three channels of each pixel of `content`, and
# clip to 0–255. Both are float arrays in RGB, shape `(height, width, 3)`. Exchanging Y in YCbCr does the
# same: Cb and Cr are made of B − Y and R − Y. What does adding one number to all three channels do to those?

# %% [markdown] lang="zh"
# **练习 3：** 画的颜色会跟着风格一起过来。如果只想要它的笔触，颜色仍用照片自己的，就只取生成图的*亮度*：Y = 0.299 R +
# 0.587 G + 0.114 B（这里的字母指红、绿、蓝）。给 `content` 每个像素的三个通道都加上 Y(`generated`) − Y(`content`)，再
# 截断到 0–255。两者都是 RGB 浮点数组，形状为 `(height, width, 3)`。在 YCbCr 中换掉 Y，结果也一样：Cb 和 Cr 由 B − Y
# 和 R − Y 得来。三个通道都加上同一个数，这两个差会怎样变化？


# %% tags=["exercise"]
def my_keep_colors(content, generated):
    return ...  # an image


exercises.check_keep_colors(my_keep_colors)


# %% tags=["solution"]
# @title Solution
def solution_keep_colors(content, generated):
    brighter = (generated - content) @ np.array([0.299, 0.587, 0.114])
    # B − Y and R − Y stay as they are: B, R and Y grow by the same number
    return np.clip(content + brighter[..., None], 0, 255)


exercises.check_keep_colors(solution_keep_colors)

# %% [markdown] lang="en"
# **Exercise 4.** How long a transfer takes depends on how large one paints. A photo of `height` × `width`
# pixels is scaled so that its longer side is at most `max_side`: both sides by one factor, rounded, and 1 at
# least. A photo that fits already stays as it is. Return the new height and width. How many of the pixels are
# left when `max_side` is halved?

# %% [markdown] lang="zh"
# **练习 4：** 画多大，决定了一次迁移要花多少时间。把 `height` × `width` 像素的照片缩小，使较长的一边不超过
# `max_side`：两边按同一个比例缩小，各自四舍五入取整，至少为 1；本来就不超过的照片保持原样，不放大。返回新的高和
# 宽。`max_side` 减半，像素还剩下几分之几？


# %% tags=["exercise"]
def my_fitted_size(height, width, max_side):
    return ...  # height, width


exercises.check_fitted_size(my_fitted_size)


# %% tags=["solution"]
# @title Solution
def solution_fitted_size(height, width, max_side):
    factor = min(1, max_side / max(height, width))
    # half of `max_side`: half the height times half the width, a quarter of the pixels
    return max(1, round(height * factor)), max(1, round(width * factor))


exercises.check_fitted_size(solution_fitted_size)

# %% [markdown] lang="en"
# ## Summary
#
# - **C, S and G:** G takes the content of C and the style of S. Only G's pixels change, about
#   130,000 numbers in the first picture; ten million weights look on and stay as they are.
# - **Any photo, any style**, painted from coarse to fine. The ratio of $\alpha$ and $\beta$ is the price of style in
#   content; without content a texture is left.
# - **More than new colours:** judged in grey, by other layers of the network and mirrored
#   paintings, a recoloured photo is named after the right painting no more often than the photo
#   itself (3 of 12), a transferred one nearly always.
# - **Three knobs:** colours, several styles, a mask; in Python and as a command.
#
# **References.** Gatys, Ecker, Bethge, "Image style transfer using convolutional neural networks",
# CVPR 2016 · Gatys, Ecker, Bethge, Hertzmann, Shechtman, "Controlling perceptual factors in neural
# style transfer", CVPR 2017 · Gatys, Bethge, Hertzmann, Shechtman, "Preserving color in neural
# artistic style transfer", arXiv:1606.05897 · Pitié, Kokaram, "The linear Monge-Kantorovitch linear
# colour mapping for example-based colour transfer", CVMP 2007 · Simonyan, Zisserman, "Very deep
# convolutional networks for large-scale image recognition", ICLR 2015 · Xie, Tu,
# "Holistically-nested edge detection", ICCV 2015 (the trunk's weights).
#
# **Next:** [07 · What a convolutional network sees](07_visualization.ipynb): here we took the
# trunk's word for what is content and what is style. What do its units see? Then
# [08 · The cost function](08_style_cost.ipynb). **Back:**
# [05 · Verification as classification](05_classification.ipynb).

# %% [markdown] lang="zh"
# ## 小结
#
# - **C、S 和 G：** G 取 C 的内容和 S 的风格。改变的只是 G 的像素，第一幅画约有 13 万个数；一千万个权重只在旁边看，一个
#   也不动。
# - **任意照片，任意风格**，由粗到细地画。$\alpha$ 与 $\beta$ 之比，就是用内容换风格的价格；没有内容，就只剩下纹理。
# - **不只是换颜色：** 用网络的另外几层和左右翻转的画来评判，变成灰度以后，换过色的照片归对的次数不比照片本身多（12 次中
#   3 次），风格迁移的图几乎总能归对。
# - **三个旋钮：** 颜色、多种风格、蒙版；可以用 Python，也可以用命令行。
#
# **参考文献：** Gatys、Ecker、Bethge，“Image style transfer using convolutional neural networks”，CVPR 2016 ·
# Gatys、Ecker、Bethge、Hertzmann、Shechtman，“Controlling perceptual factors in neural style transfer”，CVPR 2017 ·
# Gatys、Bethge、Hertzmann、Shechtman，“Preserving color in neural artistic style transfer”，arXiv:1606.05897 ·
# Pitié、Kokaram，“The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer”，CVMP 2007 ·
# Simonyan、Zisserman，“Very deep convolutional networks for large-scale image recognition”，ICLR 2015 · Xie、Tu，
# “Holistically-nested edge detection”，ICCV 2015（主干的权重）。
#
# **下一课：** [07 · 卷积网络看到了什么](07_visualization.ipynb)：这里什么是内容、什么是风格，都由主干说了算。它的单元
# 究竟看到了什么？然后是 [08 · 代价函数](08_style_cost.ipynb)。**上一课：**
# [05 · 人脸验证与二分类](05_classification.ipynb)。
