# %% [markdown] lang="en"
# # 07 · What a convolutional network sees
#
# *A network that was never trained has units for chins, for temples and for noses. At least its sheet of patches
# says so.* This notebook makes such sheets for any unit of any layer, lets the network paint what it looks
# for, and then measures which part of the story is learned.
#
# **After this you can**
# - say how many pixels a unit sees, and find the nine patches that excite it most, as in the lecture;
# - paint the picture that a unit would like best;
# - measure whether layers go "from edges to textures to parts", with the control that a picture lacks;
# - show which pixels make two photos the same person, and test whether to believe it.
#
# **You need** convolution, pooling and ReLU; for sections 4, 5 and 9 the embeddings of notebooks 03 to 05.
# **Run time:** about 75 seconds on 2 CPU cores.

# %% [markdown] lang="zh"
# # 07 · 卷积网络看到了什么
#
# *一个从未训练过的网络里，也有专管下巴、鬓角和鼻子的单元。至少从图块上看是这样。* 本节为任意一层的任意单元找出
# 这样的图块，让网络自己画出它在找什么，然后测量：这个故事里有多少真的是学来的。
#
# **学完本节，你能够**
# - 说出一个单元能看到多少像素，并像课堂上那样，找出最能激活它的九个图块；
# - 画出一个单元最喜欢的图像；
# - 测量各层是否真的“从边缘到纹理再到部件”，并加上图片本身给不出的对照；
# - 指出是哪些像素让两张照片成为同一个人，并检验这种说法是否可信。
#
# **你需要** 卷积、池化和 ReLU；第 4、5、9 节要用到 03 至 05 的嵌入。
# **运行时间：** 双核 CPU 约 75 秒。

# %% tags=["setup"]
import matplotlib.pyplot as plt
import numpy as np

from course_utils import data, exercises, plots, weights
from course_utils.session import start_session

rng = start_session(seed=0)
import keras
import tensorflow as tf

from course_utils import models, visualization
from course_utils.recognition.aligned_orl import load_aligned_orl_faces

plots.use_course_style()

# %% tags=["settings"]
PATCHES = 9  # for each unit, as in the lecture
UNITS = 9  # on a sheet, drawn at random
SHEET = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
STEPS = 48  # of gradient ascent
PEOPLE = 6  # whose photos are covered, piece by piece, in section 9
MY_PHOTOS = None  # a folder of your own photos, to be searched with the others

# %% [markdown] lang="en"
# ## 1 · The first layer can be read
#
# Its filters work on pixels, so each is a small picture: bright where the filter adds, dark where it
# subtracts. Three networks: the VGG-16 trunk (trained on ImageNet's objects, then on edges), the face encoder
# of notebook 05, and the small network that learned faces in notebook 04.

# %% [markdown] lang="zh"
# ## 1 · 第一层可以直接读出来
#
# 第一层的滤波器直接作用在像素上，所以每个滤波器就是一张小图：亮处是加，暗处是减。这里有三个网络：VGG-16 的
# 主干（先用 ImageNet 的物体训练，再用边缘训练）、05 的人脸编码器，以及在 04 中学习人脸的小网络。

# %%
names = [
    f"block{b}_conv{c}" for b, n in enumerate((2, 2, 3, 3, 3), start=1) for c in range(1, n + 1)
]
vgg = models.build_vgg_features(names)
encoder = models.build_face_encoder()
small = models.build_embedding_model((56, 46, 1))
small.load_weights(weights.weights_path("triplet_orl_without_fold0_seed0.weights.h5"))


def filters_of(model, layer):
    """A picture for each filter of a first layer, 0 in the middle of the greys."""
    kernels = np.moveaxis(model.get_layer(layer).kernel.numpy(), -1, 0)
    return 127.5 + 127.5 * kernels / np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)


_, axes = plt.subplots(1, 3, figsize=(9.8, 3.3))
first_layers = {
    "VGG-16, 3 × 3": filters_of(vgg, "block1_conv1")[
        :36, ..., ::-1
    ],  # its kernels are in BGR order
    "face encoder, 7 × 7": filters_of(encoder, "stem_conv"),
    "small network, 3 × 3": filters_of(small, "block1_conv"),
}
for ax, (name, pictures) in zip(axes, first_layers.items(), strict=True):
    plots.plot_image_grid([*pictures.astype("uint8").squeeze()], num_columns=6, ax=ax)
    ax.set_title(name)
plt.show()

# %% [markdown] lang="en"
# In VGG-16 and in the encoder: edges of every direction, in grey, and patches of opposite colours. The small
# network has seen 300 grey faces for half a minute; nine pixels in grey do not say much. From the second
# layer on this method ends: a filter there has 64 channels of input, and no colour means any of them.
#
# ## 2 · How much a unit sees
#
# A unit of layer 1 sees 3 × 3 pixels. Each further layer looks at a kernel's width of the layer before it, and
# after a pooling with stride 2 neighbours are twice as far apart. With kernel $k_l$, stride $s_l$ and the
# distance $S_l$ between neighbours, in pixels:
#
# $$r_l = r_{l-1} + (k_l - 1)\,S_{l-1}, \qquad S_l = S_{l-1}\,s_l, \qquad r_0 = S_0 = 1$$

# %% [markdown] lang="zh"
# 在 VGG-16 和人脸编码器里：各个方向的灰度边缘，还有互补色的色块。小网络只用半分钟看过 300 张灰度人脸，九个灰
# 度像素说明不了什么。从第二层起，这个办法就行不通了：那里的滤波器有 64 个输入通道，没有哪种颜色能代表它们。
#
# ## 2 · 一个单元能看多远
#
# 第 1 层的单元看到 3 × 3 个像素。后面每一层都在前一层上看一个卷积核那么宽；经过步幅为 2 的池化，相邻单元的间距
# 就加倍。设卷积核为 $k_l$，步幅为 $s_l$，相邻单元相距 $S_l$ 个像素：
#
# $$r_l = r_{l-1} + (k_l - 1)\,S_{l-1}, \qquad S_l = S_{l-1}\,s_l, \qquad r_0 = S_0 = 1$$

# %%
fields = {name: visualization.receptive_field(vgg, name, (512, 512)) for name in names}
for name in names[:4]:
    print(f"{name} sees {fields[name].size[0]} pixels, a unit every {fields[name].stride[0]}")
print("…")
print(
    f"{names[-1]} sees {fields[names[-1]].size[0]} pixels, a unit every {fields[names[-1]].stride[0]}"
)

# %% [markdown] lang="en"
# The package reads this from the graph of any network, residual ones too; exercise 1 does it by hand. But is it
# true, and does a unit *use* all it sees? The gradient of its value tells how much each pixel matters; here for
# all units of a layer at one place, the mean over four photos.

# %% [markdown] lang="zh"
# 课程的软件包能从任意网络的计算图读出这些数，残差网络也行；练习 1 则用手算。可是这些数对吗？一个单元真的*用到*它
# 看见的全部像素吗？它的值对像素的梯度说明每个像素有多重要；这里取一层所有单元在一个位置上的梯度，再对四张照片求平均。

# %%
photos = data.load_photos(folder=MY_PHOTOS)
images = list(photos.values())
places = {"coffee": (60, 150), "china": (100, 120), "astronaut": (40, 130), "motorcycle": (90, 200)}
squares = [photos[name][top : top + 256, left : left + 256] for name, (top, left) in places.items()]
squares = tf.constant(np.array(squares, "float32"))
deep = ("block3_conv3", "block4_conv3", "block5_conv3")
with tf.GradientTape(persistent=True) as tape:
    tape.watch(squares)
    maps = vgg(squares)
    middles = {name: maps[name].shape[1] // 2 for name in deep}
    values = {name: maps[name][:, middles[name], middles[name]] for name in deep}

_, axes = plt.subplots(1, 3, figsize=(9.8, 3.5))
for ax, name in zip(axes, deep, strict=True):
    matters = np.abs(tape.gradient(values[name], squares)).mean(axis=(0, 3))
    field = fields[name]
    top, left, bottom, right = field.boxes((middles[name], middles[name]))
    quarter = field.size[0] // 4
    inner = matters[top + quarter : bottom - quarter, left + quarter : right - quarter].sum()
    plots.plot_importance(np.full((256, 256), 255), np.sqrt(matters), ax=ax)
    ax.add_patch(plt.Rectangle((left, top), right - left, bottom - top, fill=False))
    ax.set_title(f"{name}: {inner / matters.sum():.0%}\nin the inner quarter of the box")
    assert matters[:top].sum() == matters[bottom:].sum() == 0  # nothing outside the box
    assert inner / matters.sum() > 0.5
plt.show()
del tape

# %% [markdown] lang="en"
# Nothing outside the box, exactly. Inside it, the inner quarter of the area carries most of the weight: the
# **effective** receptive field is a good deal smaller (Luo et al., 2016), and a patch is best read from its
# middle. The face encoder is an extreme case:

# %% [markdown] lang="zh"
# 方框之外一点也没有，分毫不差。方框之内，面积四分之一的中心部分占了大部分权重：**有效**感受野要小得多（Luo 等，
# 2016），所以看图块要先看中间。人脸编码器是个极端的例子：

# %%
stages = [
    "stem_conv",
    *(f"stage{s}_block{b}_relu" for s, b in ((1, 2), (2, 2), (3, 2), (4, 2), (5, 1))),
]
for name in (*stages, "embedding"):
    field = visualization.receptive_field(encoder, name)
    print(f"{name:20} sees {field.size[0]:3} pixels, a unit every {field.stride[0]:2}")

# %% [markdown] lang="en"
# From stage 3 on a unit could see more than the face has pixels (150). And the embedding sees 147 of 150: the
# strides of this network do not come out even, and the last three rows and columns are never read by anybody.
#
# ## 3 · The nine strongest patches
#
# The lecture's way to look deeper: go through all images, and keep for each unit the nine patches where it is
# most active. For one unit it is a few lines. A patch is the receptive field around the place.

# %% [markdown] lang="zh"
# 从第 3 阶段起，单元能看到的范围比整张人脸（150 个像素）还大。而嵌入只看到 150 中的 147：这个网络的步幅除不尽，
# 最后三行三列从来没有任何单元读过。
#
# ## 3 · 最强的九个图块
#
# 课堂上看得更深的办法：遍历所有图像，为每个单元留下它激活最强的九个图块。对一个单元来说只要几行代码。图块就是那
# 个位置上的感受野。


# %%
def strongest_places(layer, unit, images, patches):
    """(activation, image, row, column) of a unit's best place in each image, the strongest first."""
    trunk = models.build_vgg_features([layer])
    found = []
    for number, image in enumerate(images):
        response = trunk(image[None].astype("float32"))[layer].numpy()[0, ..., unit]
        row, column = np.unravel_index(response.argmax(), response.shape)
        found.append((response[row, column], number, row, column))
    return sorted(found, key=lambda place: -place[0])[:patches]


by_hand = strongest_places("block1_conv2", 5, images, PATCHES)
one = visualization.top_patches(
    models.build_vgg_features(["block1_conv2"]), "block1_conv2", images, units=[5], patches=PATCHES
)
assert [tuple(place[1:]) for place in by_hand] == [
    (image, *position)
    for image, position in zip(one.image_indices[0], one.positions[0], strict=True)
]

# %% [markdown] lang="en"
# `top_patches` does this for **all** units of all layers in one pass: of each image only the strongest places
# stay in memory. One more decision: near the border a unit sees the zeros that pad the image, and takes them
# for an edge. We let only patches compete that lie `inside`.

# %% [markdown] lang="zh"
# `top_patches` 一遍就为所有层的**全部**单元做完这件事：每张图像只有最强的位置留在内存里。还有一个选择：靠近边
# 界的单元会看到填充的零，把它们当成边缘。所以我们只让完全在图像内部（`inside`）的图块参加比较。

# %%
found = visualization.top_patches(vgg, names, images, patches=PATCHES, inside=True)
num_units = sum(len(layer.units) for layer in found.values())
print(f"{num_units:,} units of {len(names)} layers, {len(images)} photos")


def some_units(layer):
    """Units drawn at random among those that have nine patches."""
    complete = layer.units[layer.num_found == PATCHES]
    return np.sort(rng.choice(complete, UNITS, replace=False))


def draw_sheet(layer, images, units, ax, title="", **crop):
    labels = [f"unit {unit}" for unit in units]
    plots.plot_patch_sheet(layer.crop(images, units, **crop), labels=labels, title=title, ax=ax)


# %%
_, axes = plt.subplots(3, 2, figsize=(7.2, 12.0))
shown = {name: some_units(found[name]) for name in SHEET}
for ax, name in zip(axes.flat, SHEET, strict=False):
    side = fields[name].size[0]
    draw_sheet(found[name], images, shown[name], ax, f"{name}, {side} × {side} pixels")
axes[2, 1].axis("off")
reading = "One block: one unit.\nIts nine patches,\nthe strongest at the top left."
axes[2, 1].text(0.1, 0.8, reading, transform=axes[2, 1].transAxes)
plt.show()

# %% [markdown] lang="en"
# Nine units a layer, drawn by lot, none picked for beauty; in each block the strongest patch is at the top
# left, and each comes from another photo. **Layer 2** knows colours, and light and dark lines of one
# direction. **Block 2**: corners, ends of lines, a bright dot. **Block 3**: contours between two areas,
# stripes, round bright things. **Block 4**: arcs, spikes against a plain ground, eyes, stars. **Block 5**
# disappoints: large pieces of everything that has a strong outline. This trunk was last trained to draw
# outlines; is that why? Section 8 asks. (The photos: NASA, US Navy, and others; `data.list_photos()` has
# all credits. China: danielbuechele, flower: vultilion, both CC BY 2.0.)

# %% [markdown] lang="zh"
# 每层九个单元，都是抽签抽出来的，没有挑好看的；每一组左上角是最强的图块，九块来自九张不同的照片。**第 2 层**认得
# 颜色，以及某个方向的明线和暗线。**第 2 块**：拐角、线的端点、一个亮点。**第 3 块**：两片区域之间的轮廓、条纹、圆
# 而亮的东西。**第 4 块**：弧线、纯色背景前的尖角、眼睛、星星。**第 5 块**令人失望：凡是轮廓分明的东西，大块大块
# 都在里面。这个主干最后是为画轮廓而训练的；是这个缘故吗？第 8 节再问。（照片来自 NASA、美国海军等；
# `data.list_photos()` 列出全部出处。china：danielbuechele，flower：vultilion，均为 CC BY 2.0。）

# %% [markdown] lang="en"
# ## 4 · The face encoder
#
# The same on 399 aligned photos of 40 people. Deep units can see the whole face, so only the middle of the
# field is shown, 56 pixels.

# %% [markdown] lang="zh"
# ## 4 · 人脸编码器
#
# 在 40 个人的 399 张对齐照片上做同样的事。深层单元能看到整张脸，所以只画出感受野中间的 56 个像素。

# %% tags=["readme-picture"]
faces = load_aligned_orl_faces()
in_faces = visualization.top_patches(encoder, stages, faces.images, patches=PATCHES)
_, axes = plt.subplots(2, 2, figsize=(7.2, 8.1))
for ax, name in zip(axes.flat, (stages[0], stages[1], stages[3], stages[5]), strict=True):
    draw_sheet(in_faces[name], faces.images, some_units(in_faces[name]), ax, name, size=56)
plt.show()

# %% [markdown] lang="en"
# From edges and corners of the lips to whole regions: a hairline, a beard, the rim of a pair of glasses. In
# the deepest layer nine patches often show one and the same person three or four times. (Grey: beyond the
# photo.)
#
# ## 5 · The network that you trained
#
# The small network of notebook 04, trained on 30 people in half a minute. It sees faces of 56 × 46 pixels; the
# patches are cut from the originals, twice as fine.

# %% [markdown] lang="zh"
# 从边缘和嘴角，到整片的区域：发际线、胡须、眼镜框。最深的一层里，九个图块常有三四块是同一个人。（灰色部分在照片
# 之外。）
#
# ## 5 · 你训练过的网络
#
# 04 的小网络，用 30 个人训练了半分钟。它看到的人脸只有 56 × 46 个像素；图块则从细一倍的原图里裁出。

# %%
orl = data.load_orl_faces()
small_faces = data.load_orl_faces(dtype="float32", shrink=2).images[..., None]
small_layers = [f"block{block}_conv" for block in (1, 2, 3, 4)]
in_small = visualization.top_patches(small, small_layers, small_faces, patches=PATCHES)
_, axes = plt.subplots(1, 4, figsize=(9.8, 2.9))
for ax, name in zip(axes, small_layers, strict=True):
    units = some_units(in_small[name])
    draw_sheet(in_small[name], orl.images[..., None], units, ax, name, scale=2)
plt.show()
silent = {name: int((layer.num_found == 0).sum()) for name, layer in in_small.items()}
print("units that no photo excites:", silent)

# %% [markdown] lang="en"
# The same road in four layers: light and dark, then edges, then a mouth or a brow. Some units have died in
# training: no photo excites them, their ReLU is always 0.
#
# ## 6 · What a unit would paint
#
# Patches show what a unit liked among the photos it was given. Ask it directly: begin with grey noise and
# climb its activation by changing *pixels*, $x \leftarrow x + \eta\,\partial a/\partial x$.

# %% [markdown] lang="zh"
# 四层走过同一条路：明与暗，边缘，然后是嘴或眉毛。有些单元在训练中死掉了：没有一张照片能激活它们，ReLU 的输出永远
# 是 0。
#
# ## 6 · 让单元自己画
#
# 图块只说明，在给它的照片里，单元喜欢哪些。不如直接问它：从灰色噪声出发，通过改变*像素*让激活上升，
# $x \leftarrow x + \eta\,\partial a/\partial x$。

# %%
layer, size = "block3_conv3", 48
trunk = models.build_vgg_features([layer])
unit = shown[layer][0]
patch = found[layer].crop(images, [unit])[0, 0]
best = found[layer].activations[unit, 0]
middle = (size // 8, size // 8)  # a unit every 4 pixels
top, left, bottom, right = fields[layer].boxes(middle)
start = np.full((1, size, size, 3), 128.0, "float32")
start[0, top:bottom, left:right] = patch
pixels = tf.Variable(start)
assert np.isclose(trunk(pixels)[layer][(0, *middle, unit)], best, rtol=1e-3)
for _ in range(STEPS):
    with tf.GradientTape() as tape:
        activation = trunk(pixels)[layer][(0, *middle, unit)]
    gradient = tape.gradient(activation, pixels)
    pixels.assign(tf.clip_by_value(pixels + 4 * gradient / tf.norm(gradient, ord=np.inf), 0, 255))

# %%
ascent = visualization.Ascent(steps=STEPS, jitter=4)
painted = visualization.maximize_activation(
    trunk, layer, int(unit), image_size=(size, size), where="centre", ascent=ascent
)
pictures = {
    f"the patch on grey: {best:.0f}": start[0],
    f"plain ascent: {float(activation):.0f}": pixels.numpy()[0],
    f"in waves: {painted.activations[0, -1]:.0f}": painted.images[0],
}
_, axes = plt.subplots(1, 3, figsize=(7.6, 2.9))
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(np.clip(picture, 0, 255).astype("uint8"))
    ax.set_title(title)
    ax.axis("off")
plt.show()
assert min(activation, painted.activations[0, -1]) > 1.5 * best

# %% [markdown] lang="en"
# Both painted pictures excite the unit several times as much as the best of all photos (the numbers are
# activations). The plain one is a warning: what excites a network most is no thing that one would recognise.
# `maximize_activation` makes the same climb among pictures that look natural: in waves instead of pixels, the
# coarse ones first; in the colours of photos; shaken a little at each step; and with a price on restlessness.
# The same nine units as in section 3, painted and photographed:

# %% [markdown] lang="zh"
# 两张画出来的图对单元的激活，都是最好的照片的好几倍（标题里的数就是激活）。直接上升得到的图是一个警告：最能激活网
# 络的，并不是我们认得出的东西。`maximize_activation` 在看起来自然的图像中间做同样的爬升：用波代替像素，先粗后
# 细；用照片里的颜色；每一步都稍微晃动；并且对杂乱收取代价。还是第 3 节的那九个单元，左边是画的，右边是照片：

# %%
layer, size = "block4_conv3", 80
units, labels = shown[layer], [f"unit {unit}" for unit in shown[layer]]
trunk = models.build_vgg_features([layer])
painted = visualization.maximize_activation(
    trunk, layer, units, image_size=(size, size), where="centre", ascent=ascent
)
_, (left, right) = plt.subplots(1, 2, figsize=(7.2, 4.0))
plots.plot_patch_sheet(painted.images[:, None], labels=labels, title=f"{layer}, painted", ax=left)
draw_sheet(found[layer], images, units, right, "and photographed")
plt.show()
ratio = painted.activations[:, -1] / found[layer].activations[units, 0]
print(f"painted / best photo: median {np.median(ratio):.0f}")
assert np.median(ratio) > 3

# %% [markdown] lang="en"
# Compare block by block: the same contour in both, or the same round shape. The painted pictures add what the
# photos hide: the fine grain inside the shapes, dots and meshes, excites these units too.
#
# ## 7 · Is it true? Edges, then places, then people
#
# First a question. Here are two networks of the same architecture, nine units of stage 3 each, drawn by lot.
# Which of the two has been trained, A or B?

# %% [markdown] lang="zh"
# 一组一组地比：两边是同样的轮廓，或者同样的圆形。画出来的图还补上了照片里看不出的东西：形状内部的细密颗粒、圆点和
# 网格，同样能激活这些单元。
#
# ## 7 · 是真的吗？边缘、位置、人
#
# 先提一个问题。下面是结构相同的两个网络，各抽签取出第 3 阶段的九个单元。A 和 B，哪一个是训练过的？

# %%
untrained = models.build_face_encoder(weights=None)
in_untrained = visualization.top_patches(untrained, stages, faces.images, patches=PATCHES)
_, axes = plt.subplots(1, 2, figsize=(7.2, 4.0))
for ax, layers, name in zip(axes, (in_untrained, in_faces), ("A", "B"), strict=True):
    layer = layers["stage3_block2_relu"]
    draw_sheet(layer, faces.images, some_units(layer), ax, name, size=56)
plt.show()

# %% [markdown] lang="en"
# B is the encoder. A has random weights, and it, too, has units for jaws, for temples, for one side of the nose.
# You may have guessed right, but the sheet alone hardly proves it. So let us measure.
#
# "From edges to parts" is what we *see*. In numbers: do the patches of one unit agree more than patches of
# different units, in the direction of their edges, in their place on the face, in the person they show? Of a
# property $z$, the agreement is
#
# $$1 - \frac{\text{mean } \|z_i - z_j\|^2 \text{ within a unit}}{\text{mean } \|z_i - z_j\|^2
# \text{ between units}}$$
#
# 1 if each unit is perfectly faithful, 0 if patches are dealt out by lot. And a control that no sheet shows:
# the same architecture **with random weights**.

# %% [markdown] lang="zh"
# B 是人脸编码器。A 的权重是随机的，可它也有专管下颌、鬓角和鼻子一侧的单元。你也许猜对了，但光凭图块很难证明。所以要
# 测量。
#
# “从边缘到部件”是我们*看*出来的。换成数字：与不同单元的图块相比，同一个单元的图块是否更一致？比较边缘的方向、
# 在脸上的位置、图中的人。对一种性质 $z$，一致性定义为
#
# $$1 - \frac{\text{单元之内 } \|z_i - z_j\|^2 \text{ 的平均}}{\text{单元之间 } \|z_i - z_j\|^2
# \text{ 的平均}}$$
#
# 每个单元都始终如一时为 1，图块抽签分配时为 0。还要加上图块本身给不出的对照：同样的结构，但权重**随机**。


# %%
def properties_of(layer, images, people=None, size=32):
    """What each patch shows: the direction of its edges, its place, its person, its colour."""
    patches = layer.crop(images, size=size)
    found = {"edges": visualization.patch_orientations(patches)}
    if people is None:
        found["colour"] = visualization.patch_colors(patches)
    else:
        found["place"] = (layer.boxes[..., :2] + layer.boxes[..., 2:]) / 2
        found["person"] = np.eye(people.max() + 1)[people[layer.image_indices]]
    missing = layer.image_indices < 0
    return {name: np.where(missing[..., None], np.nan, values) for name, values in found.items()}


def agreements_of(found, *arguments):
    """Property → agreement, layer by layer."""
    rows = [
        {
            name: visualization.unit_agreement(values, num_resamples=100)
            for name, values in properties.items()
        }
        for properties in (properties_of(layer, *arguments) for layer in found.values())
    ]
    return {name: [row[name] for row in rows] for name in rows[0]}


# %%
trained_faces = agreements_of(in_faces, faces.images, faces.labels)
untrained_faces = agreements_of(in_untrained, faces.images, faces.labels)

# %%
_, axes = plt.subplots(1, 3, figsize=(9.8, 3.4), sharey=True)
short = ["stem", "1", "2", "3", "4", "5"]
for ax, name in zip(axes, ("edges", "place", "person"), strict=True):
    both = {"face encoder": trained_faces[name], "untrained network": untrained_faces[name]}
    plots.plot_unit_agreement(both, short, ax=ax)
    ax.set(title=f"Same {name}?", xlabel="stage")
    print(
        f"{name:7}",
        *(f"{each.estimate:.2f}" for each in trained_faces[name]),
        "| untrained",
        *(f"{each.estimate:.2f}" for each in untrained_faces[name]),
    )
for ax in axes[:2]:
    ax.get_legend().remove()
axes[1].set_ylabel("")
axes[2].set_ylabel("")
plt.show()

# %%
first, last = 0, -1
assert trained_faces["edges"][first].low > untrained_faces["edges"][first].estimate
assert trained_faces["person"][last].low > untrained_faces["person"][last].high
assert untrained_faces["place"][last].low > untrained_faces["place"][first].high

# %% [markdown] lang="en"
# **The surprise.** The encoder goes from edges to places as the lecture says. But so does the network with
# random weights: in its last layer a unit's patches agree in their place as much as the trained one's. All
# faces here are aligned, a deep unit sits at one of few places, and *any* function of what is there prefers
# one of them. A sheet of nine mouths does not prove that a network has learned mouths.
#
# What training adds is elsewhere, and visible only beside the control: the first layer's edges are cleaner,
# and the last layers agree more in the **person**, which is what the encoder was trained for. Now the trunk
# on photos, where nothing is aligned:

# %% [markdown] lang="zh"
# **意外就在这里。** 正如课堂所说，编码器从边缘走向位置。可是随机权重的网络也一样：在最后一层，同一单元的图块在位置
# 上的一致性，与训练过的不相上下。这里的人脸都对齐过，深层单元又只有寥寥几个位置可选，那里的*任何*函数都会偏爱其中
# 之一。九块都是嘴，并不能证明网络学会了嘴。
#
# 训练带来的东西在别处，而且只有放在对照旁边才看得见：第一层的边缘更干净；最后几层在**人**上更一致，而这正是编码器
# 训练的目标。再看照片上的 VGG 主干，那里什么都没有对齐：

# %%
chosen = ["block1_conv1", *SHEET]
half_size = list(data.load_photos(folder=MY_PHOTOS, max_side=320).values())  # a quarter of the time
in_photos, in_photos_untrained = (
    visualization.top_patches(model, chosen, half_size, patches=PATCHES, inside=True)
    for model in (vgg, models.build_vgg_features(names, weights=None))
)
trained_photos = agreements_of(in_photos, half_size)
untrained_photos = agreements_of(in_photos_untrained, half_size)
_, axes = plt.subplots(1, 2, figsize=(9.8, 3.4), sharey=True)
short = [name.replace("block", "").replace("_conv", ".") for name in chosen]
for ax, name in zip(axes, ("edges", "colour"), strict=True):
    both = {"VGG-16": trained_photos[name], "untrained network": untrained_photos[name]}
    plots.plot_unit_agreement(both, short, ax=ax)
    ax.set_title(f"Same {name}?")
    print(
        f"{name:7}",
        *(f"{each.estimate:.2f}" for each in trained_photos[name]),
        "| untrained",
        *(f"{each.estimate:.2f}" for each in untrained_photos[name]),
    )
axes[1].set_ylabel("")
plt.show()
assert trained_photos["edges"][1].low > trained_photos["edges"][last].high
assert trained_photos["colour"][first].low > trained_photos["colour"][last].high

# %% [markdown] lang="en"
# In layer 1.1 three by three pixels are too few to tell the two apart. Then the trained trunk keeps to one
# direction much longer than the random one, and both end near 0. **Colour** goes the other way: a random
# network goes on seeing it, the trained one drops it within two blocks. It has learned that a contour counts,
# whatever its colours. So far "from edges to something else" is measured; *to what* these two properties cannot
# say.
#
# ## 8 · A trunk that was tuned for edges
#
# These weights are not ImageNet's own. They began there and were then trained to draw the outlines that
# people drew on 200 photos (HED; Xie and Tu, 2015). The file still holds how: one weight for each channel of
# the last layer of each block, and one for each block. So we can let each depth draw:

# %% [markdown] lang="zh"
# 在 1.1 层，三乘三个像素太少，看不出两者的差别。往后，训练过的主干在一个方向上坚持得久得多，最后两者都接近 0。**颜
# 色**则相反：随机网络一路都看得见颜色，训练过的网络在两个块之内就把它丢掉了。它学会了：重要的是轮廓，不管什么颜色。
# 到这里测到的是“从边缘变成别的东西”；变成*什么*，这两种性质说不出来。
#
# ## 8 · 为边缘而调过的主干
#
# 这些权重并不是 ImageNet 原来的那一套。它们从那里出发，之后又被训练去画出人们在 200 张照片上描的轮廓（HED；Xie 和
# Tu，2015）。文件里还保存着画法：每一块的最后一层，每个通道一个权重；每一块再有一个权重。于是我们可以让每个深度各
# 画一张：

# %%
import h5py

from course_utils.models.vgg import vgg_weights_path

photo = photos["china"]
features = vgg(photo[None].astype("float32"))
lasts = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
drawn = []
with h5py.File(vgg_weights_path(), "r") as file:
    for number, name in enumerate(lasts, start=1):
        drawing = (
            features[name] @ file[f"dsn{number}/vars/0"][0, 0] + file[f"dsn{number}/vars/1"][0]
        )
        drawn.append(keras.ops.image.resize(drawing, photo.shape[:2])[0, ..., 0])
    joined = np.stack(drawn, axis=-1) @ file["fuse/vars/0"][0, 0, :, 0] + file["fuse/vars/1"][0]

# %%
_, axes = plt.subplots(2, 3, figsize=(7.6, 3.7))
titles = [*(f"block {number}" for number in range(1, 6)), "all five"]
for ax, drawing, title in zip(axes.flat, (*drawn, joined), titles, strict=True):
    ax.imshow(1 / (1 + np.exp(-np.asarray(drawing))), cmap="gray_r", vmin=0, vmax=1)
    ax.set_title(title)
    ax.axis("off")
plt.show()

# %% [markdown] lang="en"
# Block 1 marks every leaf; block 5 knows only the outline of the pagoda and of the trees, and blurs it, with a
# unit every 16 pixels. Each of these channels was asked one question, "is there an outline here?". Is that why
# so many patches of section 3 show outlines? How strong is the outline within 8 pixels of a patch's centre,
# compared with any place of this photo, and with the untrained trunk's patches?

# %% [markdown] lang="zh"
# 第 1 块把每片树叶都描出来；第 5 块只知道宝塔和树丛的轮廓，而且画得模糊，因为每 16 个像素才有一个单元。训练时，每个
# 通道只被问了一个问题：“这里有轮廓吗？”第 3 节的图块里有那么多轮廓，是因为这个吗？来看离图块中心 8 个像素以内轮廓有
# 多强，并与这张照片上任意一处相比，也与没有训练过的主干相比。

# %%
from scipy.ndimage import maximum_filter

outline = maximum_filter(1 / (1 + np.exp(-joined)), size=17)
number = list(photos).index("china")


def outline_at(layer):
    """The strongest outline near the centre of each patch of this photo; the mean."""
    boxes = layer.boxes[layer.image_indices == number]
    rows, columns = boxes.reshape(-1, 2, 2).mean(axis=1).T * 2  # it was searched at half its size
    return outline[rows.astype(int), columns.astype(int)].mean()


def outline_anywhere(name):
    """The same, over all places whose field lies inside the photo: chance."""
    margin = fields[name].size[0]  # half of it, in a photo of half the size
    return outline[margin : len(outline) - margin, margin : outline.shape[1] - margin].mean()


print("layers:   ", *chosen[1:-1])
print("VGG-16:   ", *(f"{outline_at(in_photos[name]):.2f}" for name in chosen[1:-1]))
print("untrained:", *(f"{outline_at(in_photos_untrained[name]):.2f}" for name in chosen[1:-1]))
print("chance:   ", *(f"{outline_anywhere(name):.2f}" for name in chosen[1:-1]))

# %% [markdown] lang="en"
# No. Patches lie on outlines more than chance would put them there, but those of the **untrained** trunk do so even
# more: strong contrast excites any network, and outlines have the strongest contrast. For the second time the
# control takes a good story away. What the tuning did is in the drawings above, and nine patches a unit cannot
# show it: not what excites one channel most, but what all channels together say at every place.

# %% [markdown] lang="zh"
# 不是。图块落在轮廓上的程度，确实比随机高；可**没有训练过**的主干，图块还要更靠近轮廓：强烈的反差能激活任何网络，而轮
# 廓的反差最强。对照第二次拆穿了一个好听的故事。调整权重带来了什么，要看上面的画，每个单元九个图块是看不出来的：重要的
# 不是什么最能激活某一个通道，而是所有通道合起来在每个位置说了什么。

# %% [markdown] lang="en"
# ## 9 · Which pixels make two photos the same person?
#
# A decision has no single unit, but it can be questioned in the same two ways. **Occlusion**: cover a window
# of photo A with its mean grey, and see how much the distance to photo B grows. **Saliency**: the size of the
# distance's gradient at each pixel.

# %% [markdown] lang="zh"
# ## 9 · 哪些像素让两张照片成为同一个人？
#
# 一个判断背后不是某一个单元，但可以用同样的两种办法去问它。**遮挡**：用平均灰度盖住照片 A 的一个窗口，看它到照片 B
# 的距离增加多少。**显著性**：距离对每个像素的梯度有多大。


# %%
embed = tf.function(encoder, reduce_retracing=True)  # compiled, for speed
embed_untrained = tf.function(untrained, reduce_retracing=True)


def distance_to(photo, embed=embed):
    """A function from photos to their distances from this one."""
    template = embed(tf.constant(photo[None], "float32"))

    def distances(photos):
        return tf.norm(embed(tf.cast(photos, "float32")) - template, axis=1)

    return distances


first_two = [np.flatnonzero(faces.labels == person)[:2] for person in range(40)]
pairs = {"one man": first_two[20], "two men": (first_two[20][0], first_two[13][0])}
_, axes = plt.subplots(2, 4, figsize=(7.6, 4.1))
for row, (name, (a, b)) in zip(axes, pairs.items(), strict=True):
    distances = distance_to(faces.images[b])
    occlusion = visualization.occlusion_map(distances, faces.images[a], window=24, stride=6)
    saliency = visualization.saliency_map(distances, faces.images[a])
    row[0].imshow(faces.images[a])
    row[1].imshow(faces.images[b])
    row[0].set_title(f"{name}, A")
    row[1].set_title(f"B, distance {occlusion.baseline:.2f}")
    plots.plot_importance(faces.images[a], occlusion.per_pixel(), title="occlusion", ax=row[2])
    plots.plot_importance(faces.images[a], saliency, title="saliency", ax=row[3])
for ax in axes.flat:
    ax.axis("off")
plt.show()

# %% [markdown] lang="en"
# Red: covered, the two photos become less alike. Blue: covered, they become more alike. What makes the one man
# the same is around his nose; what tells the two men apart is between the eyes and on the cheek. Convincing? A map that looks like a face looks right. Two tests. **Deletion**: cover the pixels that a map calls most
# important, and see whether the distance grows faster than with squares in random order. **Another network**: a
# map that explains *this* encoder must change when its weights are replaced by random ones (Adebayo et al., 2018).

# %% [markdown] lang="zh"
# 红色：盖住它，两张照片就不那么像了；蓝色：盖住它，两张照片反而更像。让同一个人成为同一个人的，在鼻子周围；把两个人
# 分开的，在两眼之间和脸颊上。令人信服吗？看着像脸的图，就会让人觉得对。来做两个检验。**删除**：先盖住某张图认为最重要的像素，看距离是否比按随机次序盖方块时增长得更快。**换一个
# 网络**：一张图如果解释的是*这个*编码器，那么把权重换成随机数之后，它必须改变（Adebayo 等，2018）。

# %%
from scipy.stats import spearmanr

fractions = (0, 0.02, 0.05, 0.1, 0.2, 0.3)
curves = {"occlusion": [], "saliency": [], "random squares": []}
likeness = {"occlusion": [], "saliency": []}
for a, b in first_two[:PEOPLE]:
    photo, distances = faces.images[a], distance_to(faces.images[b])
    random_distances = distance_to(faces.images[b], embed_untrained)

    def maps_of(distances, photo=photo):
        occlusion = visualization.occlusion_map(distances, photo, window=24, stride=12)
        return {
            "occlusion": occlusion.per_pixel(),
            "saliency": visualization.saliency_map(distances, photo),
        }

    maps, random_maps = maps_of(distances), maps_of(random_distances)
    for name in likeness:
        likeness[name].append(spearmanr(maps[name].ravel(), random_maps[name].ravel()).statistic)
    maps["random squares"] = rng.random((15, 15)).repeat(10, axis=0).repeat(10, axis=1)
    for name, importance in maps.items():
        curves[name].append(
            visualization.deletion_curve(distances, photo, importance, fractions=fractions)
        )

# %%
_, ax = plt.subplots(figsize=(7.6, 3.2))
for name, rows in curves.items():
    grown = np.array(rows) - np.array(rows)[:, :1]
    error = grown.std(axis=0, ddof=1) / np.sqrt(PEOPLE)
    ax.errorbar(fractions, grown.mean(axis=0), 1.96 * error, marker="o", label=name)
    print(f"{name:15}", *(f"{value:.2f}" for value in grown.mean(axis=0)))
ax.set(xlabel="share of the photo that is covered", ylabel="growth of the distance")
ax.legend()
plt.show()
for name, values in likeness.items():
    print(f"{name}: rank correlation with the map of an untrained network {np.mean(values):.2f}")

# %%
at_5_percent = {name: np.array(rows)[:, 2] for name, rows in curves.items()}
assert np.mean(at_5_percent["occlusion"] > at_5_percent["random squares"]) >= 0.75
assert np.mean(likeness["saliency"]) > np.mean(likeness["occlusion"]) + 0.2

# %% [markdown] lang="en"
# Both maps pass the first test: 5 % of the photo, chosen by the occlusion map, move the distance by 0.25, by the
# saliency map 0.19, random squares 0.07 (bars: 95 % over six people; the two maps cannot be told apart). Only
# one passes the second: the saliency map of a network **with random weights** is nearly the same (0.80). It shows
# where a photo has strong edges, for whatever network. So believe a measurement first and a beautiful map last.
#
# ## 10 · Yours
#
# - **Your photos.** Set `MY_PHOTOS` at the top to a folder of your own; they are searched with the others.
# - **ImageNet's own weights.** With a network connection, one argument: `models.build_vgg_features(["block3_conv4",
#   "block5_conv4"], weights="imagenet")` is VGG-19 as it was trained on objects, and Keras downloads 80 MB once.
#   Blocks 3 to 5 have a fourth convolution there. Everything above runs on it unchanged; look at block 5.
# - **Any Keras model** with one image input does: `visualization.top_patches(model, layer, images)`.

# %% [markdown] lang="zh"
# 第一个检验两张图都通过了：按遮挡图选出 5 % 的像素盖住，距离增加 0.25；按显著性图是 0.19；随机方块是 0.07（误差线是
# 六个人的 95 % 区间；两张图之间分不出高下）。第二个只有一张通过：**权重随机**的网络，显著性图几乎一样（0.80）。它画出
# 来的是照片哪里边缘强，换哪个网络都一样。所以，先信测量，最后才信好看的图。
#
# ## 10 · 换成你自己的
#
# - **你的照片。** 把开头的 `MY_PHOTOS` 设为你自己的文件夹，它们就和其他照片一起参加搜索。
# - **ImageNet 原来的权重。** 有网络时只差一个参数：`models.build_vgg_features(["block3_conv4", "block5_conv4"],
#   weights="imagenet")` 就是用物体训练出来的 VGG-19，Keras 会下载一次，80 MB。它的第 3 至 5 块多一层卷积。上面的一切
#   都照样能跑；请看看第 5 块。
# - **任何 Keras 模型**，只要输入是一张图像，都可以：`visualization.top_patches(model, layer, images)`。

# %% [markdown] lang="en"
# ## 11 · Exercises
#
# **Exercise 1.** By hand first: how many pixels wide is the receptive field of a unit in the last layer of
# VGG-16's third block? On the way to it lie two convolutions, a pooling, two convolutions, a pooling and three
# convolutions: 3 × 3 with stride 1, the poolings 2 × 2 with stride 2. (A title in section 3 has the answer.) Then
# as a function: `layers` is a list of (kernel, stride), the first one reads the image. Return the width for the
# last layer; for an empty list it is 1.

# %% [markdown] lang="zh"
# ## 11 · 练习
#
# **练习 1.** 先动笔算：VGG-16 第 3 块最后一层的单元，感受野有多少像素宽？从图像到它那里，依次是两层卷积、一次池化、
# 两层卷积、一次池化、三层卷积；卷积核都是 3 × 3，步幅为 1；池化都是 2 × 2，步幅为 2。（第 3 节有一个标题写着答案。）再写
# 成函数：`layers` 是由 (卷积核大小, 步幅) 组成的列表，第一项直接读图像。返回最后一层感受野的宽度；列表为空时，宽度
# 是 1。


# %% tags=["exercise"]
def my_receptive_field(layers):
    return ...  # an integer


exercises.check_receptive_field(my_receptive_field)


# %% tags=["solution"]
# @title Solution
def solution_receptive_field(layers):
    width, step = 1, 1
    for kernel, stride in layers:
        width += (kernel - 1) * step
        step *= stride
    return width


blocks = [[(3, 1)] * count + [(2, 2)] for count in (2, 2, 3, 3, 3)]
layers = [layer for block in blocks for layer in block]
assert solution_receptive_field(layers[:-1]) == 196  # block5_conv3, as in section 2
exercises.check_receptive_field(solution_receptive_field)

# %% [markdown] lang="en"
# **Exercise 2.** Which box of pixels does a unit at position (`row`, `column`) of its layer see? Its receptive
# field is `size` pixels high and wide, neighbouring positions look `stride` pixels apart, and the box of
# position (0, 0) begins in row `offset` and column `offset`: negative, if the network pads. Bottom and right
# are exclusive, as in a slice. Do not clip: at the border the box reaches beyond the image.

# %% [markdown] lang="zh"
# **练习 2.** 单元在它那一层的位置 (`row`, `column`) 上，看到的是图像中的哪个方框？感受野的高和宽都是 `size` 个像素，
# 相邻两个位置的方框相距 `stride` 个像素，位置 (0, 0) 的方框从第 `offset` 行、第 `offset` 列开始；网络有填充时，
# `offset` 是负数。下边和右边不含在内，和切片一样。不要裁剪：在边界上，方框会伸到图像外面。


# %% tags=["exercise"]
def my_patch_box(row, column, size, stride, offset):
    return ...  # top, left, bottom, right


exercises.check_patch_box(my_patch_box)


# %% tags=["solution"]
# @title Solution
def solution_patch_box(row, column, size, stride, offset):
    top, left = row * stride + offset, column * stride + offset
    return top, left, top + size, left + size


exercises.check_patch_box(solution_patch_box)

# %% [markdown] lang="en"
# **Exercise 3.** The strongest patches of any number of images, without keeping all activations: the images
# come one after the other, and of each unit only the k strongest activations so far are kept. `best`, shape
# `(units, k)`, holds those and falls along its rows (it begins full of −∞); `new`, shape `(units, n)`, are the
# activations in one more image. Return the k strongest of both for each unit, falling, and leave both arrays
# as they were. How much more memory do a million images take than ten?

# %% [markdown] lang="zh"
# **练习 3.** 图像再多，也能找出最强的图块，而不必留住全部激活：图像一张接一张地来，每个单元只留下到目前为止最强的
# k 个激活。它们放在 `best` 里，形状为 `(units, k)`，每行从大到小（一开始全是 −∞）；`new` 的形状为 `(units, n)`，是
# 新来的一张图像里的激活。对每个单元，从两者中选出最强的 k 个，从大到小返回，两个数组本身保持原样。一百万张图像比十
# 张图像多占多少内存？


# %% tags=["exercise"]
def my_keep_strongest(best, new):
    return ...  # shape (units, k)


exercises.check_keep_strongest(my_keep_strongest)


# %% tags=["solution"]
# @title Solution
def solution_keep_strongest(best, new):
    rising = np.sort(np.concatenate([best, new], axis=1), axis=1)
    return rising[:, ::-1][:, : best.shape[1]]


exercises.check_keep_strongest(solution_keep_strongest)

# %% [markdown] lang="en"
# **Exercise 4.** One position of an occlusion map. `distance` is a function of one image, shape
# `(height, width, 3)`. By how much does the distance grow when the square of `window` × `window` pixels with
# its upper left corner at (`top`, `left`) is painted grey, 128 in each channel? Leave the image as it was.
# And what does a negative answer mean?

# %% [markdown] lang="zh"
# **练习 4.** 遮挡图上的一个位置。`distance` 是一个函数，输入一张图像，形状为 `(height, width, 3)`。把左上角在
# (`top`, `left`)、边长为 `window` 个像素的正方形涂成灰色（每个通道都是 128），距离会增加多少？传进来的图像要保持原
# 样。想一想：结果为负，意味着什么？


# %% tags=["exercise"]
def my_occlusion(distance, image, top, left, window):
    return ...  # a number


exercises.check_occlusion(my_occlusion)


# %% tags=["solution"]
# @title Solution
def solution_occlusion(distance, image, top, left, window):
    covered = image.copy()
    covered[top : top + window, left : left + window] = 128
    return distance(covered) - distance(image)


exercises.check_occlusion(solution_occlusion)

# %% [markdown] lang="en"
# ## Summary
#
# - **A unit sees a box of pixels**, computed from kernels and strides alone: 196 in VGG-16's last layer, and
#   the gradient confirms it. What moves the unit lies mostly in the middle.
# - **Its nine strongest patches**, over all photos and places, are found in one pass for all units of all layers;
#   **gradient ascent** paints what the photos did not contain, and excites a unit several times as much.
# - **Edges come first** in all three networks. That deep units seem to know eyes and chins proves little on
#   aligned faces: with random weights they do so too. What the encoder has learned shows in the person.
# - **A trunk tuned for outlines** draws them; that its patches lie on outlines proves nothing, for those of random
#   weights do so even more.
# - **Test a map before you believe it**: cover what it calls important, and replace the network.
#
# **References.** Zeiler, Fergus, "Visualizing and understanding convolutional networks", ECCV 2014 · Simonyan,
# Vedaldi, Zisserman, "Deep inside convolutional networks", ICLR workshop 2014 · Simonyan, Zisserman, "Very deep
# convolutional networks", ICLR 2015 · Xie, Tu, "Holistically-nested edge detection", ICCV 2015 · Luo et al.,
# "Understanding the effective receptive field", NeurIPS 2016 · Olah, Mordvintsev, Schubert, "Feature
# visualization", Distill 2017 · Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018.
#
# **Next:** 08 · The cost function. **Back:** 06 · What neural style transfer is, and for the faces
# [05 · Verification as classification](05_classification.ipynb).

# %% [markdown] lang="zh"
# ## 小结
#
# - **一个单元看到一个方框里的像素**，只凭卷积核和步幅就能算出来：VGG-16 最后一层是 196 个像素，梯度证实了这一点。真
#   正能影响它的，大多在方框中间。
# - **最强的九个图块**取自所有照片的所有位置，一遍就能为所有层的所有单元找出来；**梯度上升**画出照片里没有的东西，对
#   单元的激活是照片的好几倍。
# - 三个网络都**从边缘开始**。深层单元好像认得眼睛和下巴，可在对齐的人脸上这证明不了什么：权重随机时也一样。编码器学
#   到的东西，要看图块是不是同一个人。
# - **为轮廓而调过的主干**会画轮廓；可它的图块落在轮廓上并不能证明什么，因为随机权重的图块还要更靠近轮廓。
# - **先检验，再相信一张图**：盖住它认为重要的地方，再把网络换掉。
#
# **参考文献.** Zeiler、Fergus，“Visualizing and understanding convolutional networks”，ECCV 2014 · Simonyan、
# Vedaldi、Zisserman，“Deep inside convolutional networks”，ICLR workshop 2014 · Simonyan、Zisserman，“Very deep
# convolutional networks”，ICLR 2015 · Xie、Tu，“Holistically-nested edge detection”，ICCV 2015 · Luo 等，
# “Understanding the effective receptive field”，NeurIPS 2016 · Olah、Mordvintsev、Schubert，“Feature
# visualization”，Distill 2017 · Adebayo 等，“Sanity checks for saliency maps”，NeurIPS 2018。
#
# **下一节：** 08 · 代价函数。**上一节：** 06 · 什么是神经风格迁移；人脸部分见
# [05 · 作为分类问题的验证](05_classification.ipynb)。
