# %% [markdown] lang="en"
# # 07 · What a convolutional network sees
#
# *A network that was never trained has units for eyes and for mouths. At least its sheet of patches says so.* This notebook makes such sheets for any unit of any layer, lets the network paint what it looks
# for, and then measures which part of the story is learned.
#
# **After this you can**
# - say how many pixels a unit sees, and find the nine patches that excite it most, as in the lecture;
# - paint the picture that a unit would like best;
# - measure how much of "from edges to textures to parts" holds, with the control that a picture lacks;
# - show which pixels make two photos the same person, and test whether to believe it.
#
# **You need** convolution, pooling and ReLU; for sections 4, 5, 7 and 9 the embeddings of notebooks 03 to 05.
# **Run time:** about 75 seconds on 2 CPU cores.

# %% [markdown] lang="zh"
# # 07 · 卷积网络看到了什么
#
# *一个从未训练过的网络里，也有专管眼睛和嘴的单元。至少从图块上看是这样。* 本课为任意一层的任意单元找出这样的图块，让
# 网络自己画出它在找什么，然后测量：这个故事里有多少真的是学来的。
#
# **学完本课，你能够**
# - 说出一个单元能看到多少像素，并像课堂上那样，找出最能激活它的九个图块；
# - 画出一个单元最喜欢的图像；
# - 测量“从边缘到纹理再到部件”这句话有多少站得住脚，并加上图片本身给不出的对照；
# - 指出是哪些像素让两张照片成为同一个人，并检验这种说法是否可信。
#
# **预备知识：** 卷积、池化和 ReLU；第 4、5、7、9 节要用到第 03 至 05 课的嵌入。
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
SHEET = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv1", "block5_conv3")
STEPS = 48  # of gradient ascent
PEOPLE = 6  # drawn at random, whose photos are covered in section 9
MY_PHOTOS = None  # a folder of your own photos, for section 10

# %% [markdown] lang="en"
# ## 1 · The first layer can be read
#
# Its filters work on pixels, so each is a small picture: bright where the filter adds, dark where it
# subtracts. Three networks: the **trunk** of VGG-16 (its convolutions, without the classifier behind them; trained
# on ImageNet's objects and then fine-tuned to draw outlines), the face encoder of notebook 05, and the small
# network that learned faces in notebook 04.

# %% [markdown] lang="zh"
# ## 1 · 第一层可以直接读出来
#
# 第一层的滤波器直接作用在像素上，所以每个滤波器就是一张小图：亮处是加，暗处是减。这里有三个网络：VGG-16 的**主
# 干**（只有卷积层，不含后面的分类器；先用 ImageNet 的物体训练，再为画轮廓而微调）、第 05 课的人脸编码器，以及第 04 课
# 里学习人脸的小网络。

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
vgg_filters = filters_of(vgg, "block1_conv1")[..., ::-1]  # its kernels are in the order BGR
first_layers = {
    "VGG-16, 36 of 64": vgg_filters[:36],
    "face encoder, 32": filters_of(encoder, "stem_conv"),
    "small network, 16": filters_of(small, "block1_conv"),
}
for ax, (name, pictures) in zip(axes, first_layers.items(), strict=True):
    plots.plot_image_grid([*pictures.astype("uint8").squeeze()], num_columns=6, ax=ax)
    ax.set_title(name)
plt.show()

# %% [markdown] lang="en"
# In VGG-16 and in the encoder: edges and lines of many directions, nearly grey, and spots of one colour. The small
# network was trained on 300 grey faces only; nine pixels in grey do not say much. From the second layer on this
# method ends: VGG-16's filters there have 64 channels of input, and no colour means any of them.
#
# ## 2 · How much a unit sees
#
# A **unit** is one channel of a layer: the same filter at every position. The pixels that its value at one position
# depends on are its **receptive field**. In layer 1 these are 3 × 3 pixels. Each further layer looks at a kernel's
# width of the layer before it, and after a pooling with stride 2 (every second position) neighbours are twice as far
# apart. With kernel $k_l$, stride $s_l$ and the distance $S_l$ between neighbours, in pixels, the receptive field is
# $r_l$ wide:
#
# $$r_l = r_{l-1} + (k_l - 1)\,S_{l-1}, \qquad S_l = S_{l-1}\,s_l, \qquad r_0 = S_0 = 1$$

# %% [markdown] lang="zh"
# 在 VGG-16 和人脸编码器里：许多方向的边缘和线条，几乎是灰色的；还有单色的斑点。小网络只用 300 张灰度人脸训练过；九个
# 灰度像素说明不了什么。从第二层起，这个办法就行不通了：VGG-16 那里的滤波器有 64 个输入通道，没有哪种颜色能代表它们。
#
# ## 2 · 一个单元能看多远
#
# 一个**单元**就是一层里的一个通道：同一个滤波器，在所有位置上。它在一个位置上的值取决于哪些像素，这些像素就是它的**感
# 受野**。在第 1 层，这是 3 × 3 个像素。后面每一层都在前一层上看一个卷积核那么宽；经过步幅为 2 的池化（每隔一个位置取
# 一个），相邻位置的间距就增大一倍。设卷积核为 $k_l$，步幅为 $s_l$，相邻位置相距 $S_l$ 个像素，感受野的宽度 $r_l$ 就
# 是：
#
# $$r_l = r_{l-1} + (k_l - 1)\,S_{l-1}, \qquad S_l = S_{l-1}\,s_l, \qquad r_0 = S_0 = 1$$

# %%
fields = {name: visualization.receptive_field(vgg, name, (512, 512)) for name in names}
print({name: field.size[0] for name, field in fields.items()})

# %% [markdown] lang="en"
# The package reads this from the graph of any network, residual ones too; exercise 1 does it by hand. But is it
# true, and does a unit *use* all it sees? The gradient of its value tells how much each pixel matters; here for
# the sum of all units of a layer at one place, the mean over two photos. (The pictures show its square root, else
# the edge of the cloud would not be seen. Spread evenly, a quarter of the box would hold 25 %.)

# %% [markdown] lang="zh"
# 课程的软件包能从任意网络的计算图读出这些数，残差网络也行；练习 1 则用手算。可是这些数对吗？一个单元真的*用到*它
# 看见的全部像素吗？它的值对像素的梯度说明每个像素有多重要；这里取一层所有单元在一个位置上之和的梯度，再对两张照片求平均。
# （图上画的是平方根，否则看不见云团的边缘。如果分布均匀，方框面积的四分之一应占 25 %。）

# %%
photos = data.load_photos()
images = list(photos.values())
places = {"coffee": (60, 150), "china": (100, 120)}
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
    outside = matters.sum() - matters[top:bottom, left:right].sum()
    assert abs(outside) < 1e-6 * matters.sum()  # nothing outside the box
    assert inner / matters.sum() > 0.5
plt.show()
del tape

# %% [markdown] lang="en"
# Nothing outside the box. Inside it, the inner quarter of the area carries most of the weight: the
# **effective receptive field** is a good deal smaller (Luo et al., 2016), and a patch is best read from its middle.
# In the face encoder the boxes outgrow the image:

# %% [markdown] lang="zh"
# 方框之外严格为零。方框之内，只占面积四分之一的中心部分占了大部分权重：**有效感受野**要小得多（Luo 等，2016），所以看
# 图块要先看中间。在人脸编码器里，方框比图像还大：

# %%
stages = [
    "stem_conv",
    *(f"stage{s}_block{b}_relu" for s, b in ((1, 2), (2, 2), (3, 2), (4, 2), (5, 1))),
]
for name in (*stages, "embedding"):
    field = visualization.receptive_field(encoder, name)
    print(f"{name:20} sees {field.size[0]:3} pixels, a unit every {field.stride[0] or '–'}")

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


by_hand = strongest_places("block1_conv2", 5, images[:6], patches=3)
first_trunk = models.build_vgg_features(["block1_conv2"])
one = visualization.top_patches(first_trunk, "block1_conv2", images[:6], units=[5], patches=3)
assert [tuple(place[1:]) for place in by_hand] == [
    (image, *position)
    for image, position in zip(one.image_indices[0], one.positions[0], strict=True)
]

# %% [markdown] lang="en"
# `top_patches` does this for **all** units of all layers in one pass: of each image only the strongest places
# stay in memory. One more decision: near the border a unit sees the zeros that pad the image, and takes them
# for an edge. We let only patches compete that lie `inside`.

# %% [markdown] lang="zh"
# `top_patches` 一遍就为所有层的**全部**单元做完这件事：每张图像只有最强的位置留在内存里。还有一点要定下来：靠近边界的
# 单元会看到填充的零，把它们当成边缘。所以我们只让完全在图像内部（`inside`）的图块参加比较。

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
_, axes = plt.subplots(3, 2, figsize=(6.7, 11.2))
shown = {name: some_units(found[name]) for name in SHEET}
for ax, name in zip(axes.flat, SHEET, strict=False):
    side = fields[name].size[0]
    draw_sheet(found[name], images, shown[name], ax, f"{name}, {side} × {side} pixels")
axes[2, 1].axis("off")
reading = "One group: one unit,\nits nine patches,\nthe strongest at the top left."
axes[2, 1].text(0.1, 0.8, reading, transform=axes[2, 1].transAxes)
plt.show()

# %% [markdown] lang="en"
# Nine units a layer, drawn by lot, none picked for beauty; the nine patches of a group come from nine photos.
# **Block 1**: colours, upright light and dark lines, a bright dot. **Block 2**: level edges (31, 103, 104), upright
# ones (60), a bright point (47). **Block 3**: contours, blunt round ends (2), dense detail (81, 111), grain (131).
# **Block 4**: contours of one slope between two plain areas (191, 332), bright corners (231). **Block 5**
# disappoints: large pieces of everything with a strong outline. One reason is ours: there are only 16 photos, where
# the lecture searches all training images. Another may be that this trunk was last trained to draw outlines; section
# 8 asks. (The photos: NASA, US Navy, and others; `data.list_photos()` has all credits. China: danielbuechele, flower:
# vultilion, both CC BY 2.0.)

# %% [markdown] lang="zh"
# 每层九个单元，都是抽签抽出来的，没有挑好看的；每一组九个图块来自九张不同的照片。**第 1 个卷积块**：颜色、竖直的明线
# 和暗线、一个亮点。**第 2 个卷积块**：水平的边缘（31、103、104）、竖直的边缘（60）、一个亮点（47）。**第 3 个卷积
# 块**：轮廓、圆钝的端头（2）、密集的细节（81、111）、颗粒（131）。**第 4 个卷积块**：两片纯色之间某个倾斜方向的轮廓
# （191、332），明亮的角（231）。**第 5 个卷积块**令人失望：只是各种轮廓分明的东西的大块局部。原因之一在我们自己：这里
# 只有 16 张照片，而课堂上找遍所有训练图像。另一个原因也许是，这个主干最后是为画轮廓而训练的；第 8 节再问。（照片来自
# NASA、美国海军等；`data.list_photos()` 列出全部出处。china：danielbuechele，flower：vultilion，均为 CC BY 2.0。）

# %% [markdown] lang="en"
# ## 4 · The face encoder
#
# The same on 200 aligned photos of 40 people. From stage 3 on a unit can see the whole face; of stage 3 the middle
# of its field is shown, 56 pixels, of stage 5 the whole photo.

# %% [markdown] lang="zh"
# ## 4 · 人脸编码器
#
# 在 40 个人的 200 张对齐照片上做同样的事。从第 3 阶段起，单元能看到整张脸；第 3 阶段只画出感受野中间的 56 个像
# 素，第 5 阶段画出整张照片。

# %% tags=["readme-picture"]
faces = load_aligned_orl_faces()
half, people = faces.images[::2], faces.labels[::2]  # every second photo, to save time
in_faces = visualization.top_patches(encoder, stages, half, patches=PATCHES)
_, axes = plt.subplots(2, 2, figsize=(6.7, 7.6))
for ax, number in zip(axes.flat, (0, 1, 3), strict=False):
    layer = in_faces[stages[number]]
    draw_sheet(layer, half, some_units(layer), ax, stages[number], size=56, fill=235)
deepest = in_faces[stages[5]]
units = some_units(deepest)
labels = [f"unit {unit}" for unit in units]
whole_photos = half[deepest.image_indices[units]]
plots.plot_patch_sheet(
    whole_photos, labels=labels, title=f"{stages[5]}, whole photos", ax=axes[1, 1]
)
plt.show()

# %% [markdown] lang="en"
# From edges to eyes (stage 1, unit 2) and collars (18, 20, 23), to noses, mouths and beards (stage 3). For the deepest
# layer whole photos are shown, and many units have chosen one person three times or more; would an untrained
# network do so too? Section 7 asks. (Light grey: beyond the photo.)
#
# ## 5 · The small network of notebook 04
#
# The one that comes with the course, trained on 30 people in 400 steps. It sees faces of 56 × 46 pixels; the
# patches are cut from the originals, twice as fine.

# %% [markdown] lang="zh"
# 从边缘，到眼睛（第 1 阶段，单元 2）和衣领（18、20、23），再到鼻子、嘴和胡须（第 3 阶段）。最深的一层画的是整张照片，许多
# 单元三次以上都选了同一个人；没有训练过的网络是不是也这样？第 7 节再问。（浅灰色部分在照片之外。）
#
# ## 5 · 第 04 课的小网络
#
# 课程自带的那一个，用 30 个人训练了 400 步。它看到的人脸只有 56 × 46 个像素；图块则从分辨率高一倍的原图里裁出。

# %%
orl = data.load_orl_faces()
small_faces = data.load_orl_faces(dtype="float32", shrink=2).images[..., None]
small_layers = [f"block{block}_conv" for block in (1, 2, 3, 4)]
in_small = visualization.top_patches(small, small_layers, small_faces, patches=PATCHES, inside=True)
_, axes = plt.subplots(1, 4, figsize=(9.8, 2.9))
for ax, name in zip(axes, small_layers, strict=True):
    units = some_units(in_small[name])
    draw_sheet(in_small[name], orl.images[..., None], units, ax, name, scale=2, fill=235)
plt.show()
for name, network in {
    "trained": small,
    "untrained": models.build_embedding_model((56, 46, 1)),
}.items():
    layers = visualization.top_patches(network, small_layers, small_faces, patches=1).values()
    print(
        f"units that no photo excites, {name}:",
        [int((each.num_found == 0).sum()) for each in layers],
    )

# %% [markdown] lang="en"
# The same road in four layers: light and dark bars, edges and corners, brows and eyes, most of a face. After training
# 13 of the 64 units of the last layer are silent for good: no photo excites them, their ReLU is always 0. Before
# training it is 3.
#
# ## 6 · What a unit would paint
#
# Patches show what a unit liked among the photos it was given. Ask it directly: change the *pixels* so that its
# activation climbs, $x \leftarrow x + \eta\,\partial a/\partial x$. We begin with its best patch, on grey.

# %% [markdown] lang="zh"
# 这四层走的是同一条路：明暗的条纹，边缘和拐角，眉毛和眼睛，大半张脸。训练之后，最后一层的 64 个单元里有 13 个永
# 远沉默了：没有一张照片能激活它们，ReLU 的输出总是 0。训练之前是 3 个。
#
# ## 6 · 让单元自己画
#
# 图块只说明，在给它的照片里，单元喜欢哪些。不如直接问它：改变*像素*，让激活上
# 升，$x \leftarrow x + \eta\,\partial a/\partial x$。先从它最好的图块开始，放在灰色背景上。

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


def paint(trunk, layer, units, size):
    """A picture for each unit, and what it excites: the unit's value in the middle."""
    painted = visualization.maximize_activation(
        trunk, layer, units, image_size=(size, size), where="centre", ascent=ascent
    )
    maps = trunk(painted.images)[layer].numpy()
    return painted.images, maps[range(len(units)), maps.shape[1] // 2, maps.shape[2] // 2, units]


painted, reached = paint(trunk, layer, [unit], size)
pictures = {
    f"the patch on grey: {best:.0f}": start[0],
    f"plain ascent: {trunk(pixels)[layer][(0, *middle, unit)]:.0f}": pixels.numpy()[0],
    f"in waves: {reached[0]:.0f}": painted[0],
}
_, axes = plt.subplots(1, 3, figsize=(7.6, 2.9))
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(np.clip(picture, 0, 255).astype("uint8"))
    ax.set_title(title)
    ax.axis("off")
plt.show()
assert min(activation, reached[0]) > best

# %% [markdown] lang="en"
# The numbers are activations. The plain climb changes the patch so little that we still see a white corner, and yet
# the unit answers 2.5 times as strongly: faint lines that mean nothing to us mean much to it. The right picture
# began with grey noise. `maximize_activation` does not change pixels one by one but the **waves** that a picture is
# the sum of, the coarse ones first; it mixes colours as photos do, and shakes the picture a little at each step. It
# shows what the unit looks for: a dark arch, bright inside. Now nine units of section 3, painted and photographed:

# %% [markdown] lang="zh"
# 标题里的数是激活。直接上升对图块改动很小，我们看到的还是那个白色的角，单元的响应却是原来的 2.5 倍：那些淡淡的线条对
# 我们毫无意义，对它却很重要。右边的图是从灰色噪声开始的。`maximize_activation` 不逐个改像素，而是改组成图像的各种频率
# 的**波**，先粗后细；颜色的搭配和照片一样；每一步还把图稍微晃一下。它画出了这个单元在找什么：一道暗的拱，里面是亮的。
# 再看第 3 节的九个单元，左边是画的，右边是照片：

# %%
layer = "block4_conv1"
units = shown[layer]
painted, reached = paint(models.build_vgg_features([layer]), layer, units, size=68)
_, sides = plt.subplots(1, 2, figsize=(7.2, 4.0))
labels = [f"unit {unit}" for unit in units]
plots.plot_patch_sheet(painted[:, None], labels=labels, title=f"{layer}, painted", ax=sides[0])
draw_sheet(found[layer], images, units, sides[1], "and photographed")
plt.show()
ratio = reached / found[layer].activations[units, 0]
print(
    f"painted / best photo: {ratio.min():.0f} to {ratio.max():.0f} times, median {np.median(ratio):.0f}"
)
assert np.median(ratio) > 3

# %% [markdown] lang="en"
# The painted pictures excite the units 4 to 5 times as much as the best photo does. In some the kinship is plain: 191
# a slanted contour, 231 a bright corner, 498 a point. In others, such as 349, we see none. And the dots and meshes
# inside the shapes are in no photo: that a unit likes contours is not all there is to it.
#
# ## 7 · Is it true? Edges, then places, then people
#
# First a question. Here are two networks of the same architecture, nine units of stage 3 each, drawn by lot.
# Which of the two has been trained, A or B?

# %% [markdown] lang="zh"
# 画出来的图对单元的激活，是最好的照片的 4 到 5 倍。有几对一看就相近：191 是一道斜的轮廓，231 是一个亮角，498 是一个尖
# 角。另一些，例如 349，就看不出来。而且形状里面的圆点和网格，哪张照片里都没有：单元喜欢轮廓，但不只是轮廓。
#
# ## 7 · 是真的吗？先是边缘，然后是位置，最后是人
#
# 先提一个问题。下面是结构相同的两个网络，各抽签取出第 3 阶段的九个单元。A 和 B，哪一个是训练过的？

# %%
untrained = []
for seed in range(3):
    keras.utils.set_random_seed(seed)
    untrained.append(models.build_face_encoder(weights=None))
in_networks = [in_faces] + [
    visualization.top_patches(model, stages, half, patches=PATCHES) for model in untrained
]
riddle = rng.permutation(2)  # 0: the encoder, 1: random weights
_, axes = plt.subplots(1, 2, figsize=(7.2, 4.0))
for ax, number, name in zip(axes, riddle, ("A", "B"), strict=True):
    layer = in_networks[number]["stage3_block2_relu"]
    draw_sheet(layer, half, some_units(layer), ax, name, size=56, fill=235)
plt.show()

# %%
print("the encoder is", "AB"[list(riddle).index(0)])

# %% [markdown] lang="en"
# B has random weights, and it, too, has units for eyes behind glasses (27), for eyebrows (109), for mouths (71). If you
# took B for the trained one, you were in good company: a sheet of patches convinces. So let us measure.
#
# "From edges to parts" is what we *see*. In numbers: do the patches of one unit agree more than patches of
# different units, in the direction of their edges, in their place on the face, in the person they show? Of a
# property $z$ (the edges' direction as a vector of the doubled angle, the centre of the patch, the person as a
# vector of zeros and a one), the **agreement** is, as an intraclass correlation,
#
# $$1 - \frac{\text{mean } \|z_i - z_j\|^2 \text{ within a unit}}{\text{mean } \|z_i - z_j\|^2
# \text{ between units}}$$
#
# 1 if all patches of a unit are the same, on average 0 if patches are dealt out to the units at random. And a
# control that no sheet shows: the same architecture **with random weights**, three times.

# %% [markdown] lang="zh"
# B 的权重是随机的，可它也有专管眼镜后的眼睛（27）、眉毛（109）和嘴（71）的单元。如果你以为训练过的是 B，那也不奇怪：图
# 块很有说服力。所以要测量。
#
# “从边缘到部件”是我们*看*出来的。换成数字：与不同单元的图块相比，同一个单元的图块是否更一致？比较边缘的方向、
# 在脸上的位置、是哪个人。对一种性质 $z$（边缘的方向，用两倍角的向量表示；图块的中心；人，用一个 1、其余为 0 的向量表
# 示），**一致性**定义为（即组内相关系数）
#
# $$1 - \frac{\text{单元之内 } \|z_i - z_j\|^2 \text{ 的平均}}{\text{单元之间 } \|z_i - z_j\|^2
# \text{ 的平均}}$$
#
# 同一单元的图块完全相同时为 1；把图块随机分给各单元时，平均为 0。还要加上图块本身给不出的对照：同样的结构，但权重**随
# 机**，取三个。


# %%
def properties_of(layer, images, people=None, size=32):
    """What each patch shows: the direction of its edges, and its place and person, or its colour."""
    patches = layer.crop(images, size=size)
    properties = {"edges": visualization.patch_orientations(patches)}
    if people is None:
        properties["colour"] = visualization.patch_colors(patches)
    else:
        properties["place"] = layer.centres
        properties["person"] = np.eye(people.max() + 1)[people[layer.image_indices]]
    missing = layer.image_indices[..., None] < 0
    return {name: np.where(missing, np.nan, z) for name, z in properties.items()}


def agreements_of(layers, images, people=None):
    """Property → agreement, layer by layer."""
    rows = [
        {
            # Of 16 photos a unit takes nine: there the shuffled units keep to their photos too.
            name: visualization.unit_agreement(
                z, groups=layer.image_indices if people is None else None, num_resamples=100
            )
            for name, z in properties_of(layer, images, people).items()
        }
        for layer in layers.values()
    ]
    return {name: [row[name] for row in rows] for name in rows[0]}


# %%
z = in_faces[stages[-1]].centres[:20]  # the formula, once, for 20 units
squares = ((z[:, :, None, None] - z) ** 2).sum(axis=-1)  # unit, patch, unit, patch
same_unit = np.eye(len(z), dtype=bool)[:, None, :, None]
within = (squares * same_unit).sum() / (len(z) * PATCHES * (PATCHES - 1))
between = (squares * ~same_unit).sum() / (len(z) * (len(z) - 1) * PATCHES**2)
assert np.isclose(1 - within / between, visualization.unit_agreement(z).estimate)

# %%
trained_faces, *untrained_faces = [agreements_of(layers, half, people) for layers in in_networks]


def estimates(agreements):
    return [round(each.estimate, 2) + 0.0 for each in agreements]  # no −0.0


def draw_agreements(ax, name, trained, trained_name, untrained, layers):
    """One panel: a trained network, one that is not, and the others that are not as thin lines."""
    both = {trained_name: trained[name], "untrained network": untrained[0][name]}
    plots.plot_unit_agreement(both, layers, ax=ax)
    for other in untrained[1:]:
        ax.plot(estimates(other[name]), color=plots.METHOD_COLORS["untrained network"], linewidth=1)
    ax.set_title(f"Same {name}?")
    for row in (trained, *untrained):
        print(f"{name:7}", *(f"{estimate:5.2f}" for estimate in estimates(row[name])))


# %%
_, axes = plt.subplots(1, 3, figsize=(9.8, 3.4))
short = ["stem", "1", "2", "3", "4", "5"]
for ax, name in zip(axes, ("edges", "place", "person"), strict=True):
    draw_agreements(ax, name, trained_faces, "face encoder", untrained_faces, short)
    ax.set_xlabel("stage")
for ax in axes[1:]:
    ax.set_ylabel("")
    ax.get_legend().remove()
plt.show()
for other in untrained_faces:
    assert trained_faces["edges"][0].low > other["edges"][0].estimate
    for deep_stage in (4, 5):
        assert trained_faces["person"][deep_stage].low > other["person"][deep_stage].high
        assert other["place"][deep_stage].low > trained_faces["place"][0].high

# %% [markdown] lang="en"
# Bars: 95 % intervals, from resampling the units of one network. Grey: where 95 % of the values lie if the patches are
# dealt out to the units at random. Thin: the other two random networks. Only networks at the *same* stage can be
# compared; along the axis the patches grow too.
#
# **The surprise.** In the encoder agreement moves from edges to places, as the lecture says. But in every network with
# random weights the places agree even more from stage 2 on, in the last stage 0.84 to 0.87 against 0.80. Is it the
# alignment? The control is cheap: shift each photo at random, or show smooth noise instead of faces.

# %% [markdown] lang="zh"
# 误差线：对同一个网络的单元重抽样得到的 95 % 置信区间。灰色带：把图块随机分给各单元时，95 % 的值所在的范围。细线：另外
# 两个随机网络。只有在*同一个*阶段才能比较；沿着横轴，图块本身也在变大。
#
# **意外就在这里。** 正如课堂所说，人脸编码器的一致性从边缘移向位置。可是每一个权重随机的网络，从第 2 阶段起，位置反而
# 更一致：最后一个阶段是 0.84 到 0.87，而编码器是 0.80。是因为人脸对齐过吗？检验很便宜：把每张照片随机平移，或者干脆用
# 平滑的噪声代替人脸。

# %%
from scipy.ndimage import gaussian_filter

few = faces.images[::8]
shifts = rng.integers(-35, 36, (len(few), 2))
shifted = np.stack(
    [np.roll(face, shift, axis=(0, 1)) for face, shift in zip(few, shifts, strict=True)]
)
noise = gaussian_filter(rng.standard_normal((len(few), 150, 150, 1)), (0, 4, 4, 0))
noise = np.repeat(128 + 50 * noise / noise.std(), 3, axis=3)
for name, model, shown_images in (
    ("encoder, aligned faces  ", encoder, few),
    ("encoder, shifted faces  ", encoder, shifted),
    ("untrained, aligned faces", untrained[0], few),
    ("untrained, shifted faces", untrained[0], shifted),
    ("untrained, smooth noise ", untrained[0], noise),
):
    layers = visualization.top_patches(model, stages, shown_images, patches=PATCHES)
    same_place = [visualization.unit_agreement(layer.centres) for layer in layers.values()]
    print(f"same place, {name}:", *(f"{estimate:5.2f}" for estimate in estimates(same_place)))
assert same_place[-1].low > 0.7

# %% [markdown] lang="en"
# (Fifty photos, so the values for faces are a little lower.) The random network's last stage still agrees in place:
# 0.72 with shifted faces, 0.84 with noise. **No face is needed.** The likely reason: few positions are left there, and
# the zeros around the photo make each of them different, so that a unit prefers a corner before it has seen
# anything. A sheet of nine mouths does not prove that a network has learned mouths. (Nor are the edges of deep units evidence of their own: where patches
# show one place of aligned faces, their edges agree as well.)
#
# What training adds is elsewhere, and visible only beside the control: edges in the first layer, 0.77 against 0.58 to
# 0.68, and in the last two stages the **person**, 0.16 and 0.17 against 0.10 at most. That is what this encoder was
# trained for. Now the trunk on photos, where nothing is aligned:

# %% [markdown] lang="zh"
# （只用五十张照片，所以人脸的数值略低一些。）随机网络的最后一个阶段，位置依然一致：平移过的人脸 0.72，噪声 0.84。**根
# 本不需要人脸。** 原因多半是：那里只剩几个位置，照片四周填充的零又使它们各不相同，单元还什么都没见过，就已经偏爱某个
# 角落。九个图块全是嘴，也不能证明网络学会了嘴。（深层单元的边缘一致也不算独立的证据：图块都取自对齐人脸的同一个位置，
# 边缘自然一致。）
#
# 训练带来的东西在别处，而且只有放在对照旁边才看得见：第一层的边缘，0.77 对 0.58 至 0.68；还有最后两个阶段的**人**，0.16
# 和 0.17 对至多 0.10。而这正是这个编码器训练的目标。再看照片上的主干，那里什么都没有对齐：

# %%
chosen = ["block1_conv1", *SHEET]
half_size = list(data.load_photos(max_side=320).values())  # a quarter of the time
keras.utils.set_random_seed(0)
in_photos, in_photos_untrained = (
    visualization.top_patches(model, chosen, half_size, patches=PATCHES, inside=True)
    for model in (vgg, models.build_vgg_features(names, weights=None))
)
trained_photos = agreements_of(in_photos, half_size)
untrained_photos = agreements_of(in_photos_untrained, half_size)
_, axes = plt.subplots(1, 2, figsize=(9.8, 3.4), sharey=True)
short = [name.replace("block", "").replace("_conv", ".") for name in chosen]
for ax, name in zip(axes, ("edges", "colour"), strict=True):
    draw_agreements(ax, name, trained_photos, "VGG-16", [untrained_photos], short)
axes[1].set_ylabel("")
plt.show()
assert trained_photos["edges"][2].low > untrained_photos["edges"][2].high
assert trained_photos["colour"][2].high < untrained_photos["colour"][2].low

# %% [markdown] lang="en"
# From block 2 on the trained trunk keeps to one direction much longer than the random one (0.61 against 0.13), and ends
# at 0.10, still above chance. **Colour** goes the other way: a random network goes on seeing it, the trained one has
# dropped it by block 2 (0.09 against 0.39). Training did that; whether on objects or on outlines, this file cannot
# tell. (Chance is slightly below 0 here: a unit takes its nine patches from nine of 16 photos.) So "from edges to
# something else" is measured. The lecture's middle step, textures, and its last, objects, we have not measured.
#
# ## 8 · A trunk that was fine-tuned for outlines
#
# These weights are not ImageNet's own. They began there and were then fine-tuned to draw the outlines that people
# drew on a few hundred photos (HED; Xie and Tu, 2015). The file still holds how: one weight for each channel of
# the last layer of each block, and one for each block. So we can let each depth draw:

# %% [markdown] lang="zh"
# 从第 2 个卷积块起，训练过的主干在一个方向上坚持得久得多（0.61 对 0.13），到最后还有 0.10，仍高于随机水平。**颜色**则
# 相反：随机网络一直对颜色敏感，训练过的网络在第 2 个卷积块就把它丢掉了（0.09 对 0.39）。这是训练造成的；是物体的训练
# 还是轮廓的训练，凭这个文件分不清。（这里的随机水平略低于 0：一个单元的九个图块必须来自 16 张照片中的九张。）所以，测
# 到的是“从边缘变成别的东西”。课堂上说的中间一步（纹理）和最后一步（物体），这里没有测量。
#
# ## 8 · 为画轮廓而微调的主干
#
# 这些权重并不是 ImageNet 原来的那一套。它们从那一套出发，再经过微调，去画人们在几百张照片上描出的轮廓（HED；Xie 和
# Tu，2015）。文件里还保存着画法：每个卷积块的最后一层，每个通道一个权重；每个卷积块再有一个权重。于是我们可以让每个深
# 度各画一张：

# %%
import h5py

from course_utils.models.vgg import vgg_weights_path

lasts = [f"block{block}_conv{2 if block < 3 else 3}" for block in range(1, 6)]
with h5py.File(vgg_weights_path(), "r") as file:
    sides = [
        (file[f"dsn{block}/vars/0"][0, 0], file[f"dsn{block}/vars/1"][0]) for block in range(1, 6)
    ]
    join, offset = file["fuse/vars/0"][0, 0, :, 0], file["fuse/vars/1"][0]


def outlines_of(photo):
    """The outlines that each of the five blocks draws, and those of all five: 0 to 1."""
    features = vgg(photo[None].astype("float32"))
    drawings = [
        keras.ops.image.resize(features[name] @ weight + bias, photo.shape[:2])[0, ..., 0]
        for name, (weight, bias) in zip(lasts, sides, strict=True)
    ]
    drawings.append(np.stack(drawings, axis=-1) @ join + offset)
    return [1 / (1 + np.exp(-np.asarray(drawing))) for drawing in drawings]


_, axes = plt.subplots(2, 3, figsize=(7.6, 3.7))
titles = [*(f"block {block}" for block in range(1, 6)), "all five"]
for ax, drawing, title in zip(axes.flat, outlines_of(photos["china"]), titles, strict=True):
    ax.imshow(drawing, cmap="gray_r", vmin=0, vmax=1)
    ax.set_title(title)
    ax.axis("off")
plt.show()

# %% [markdown] lang="en"
# Block 1 turns the foliage grey with detail; block 5 knows only the outline of the tower and of the trees, and
# blurs it, with a unit every 16 pixels. Each of these channels was asked one question, "is there an outline
# here?". Is that why so many patches show outlines? How strong is the outline within 4 pixels of a patch's centre,
# beyond that of an average place of the same photo? And how strong is simply the contrast there? All 16 photos,
# at half their size, VGG-16 and the untrained trunk.

# %% [markdown] lang="zh"
# 第 1 个卷积块把树丛画成一片细密的灰；第 5 个只知道楼阁和树丛的轮廓，而且画得模糊，因为每 16 个像素才有一个单元。微调
# 时，每个通道只被问了一个问题：“这里有轮廓吗？”图块里有那么多轮廓，是因为这个吗？离图块中心 4 个像素以内，轮廓比同一
# 张照片的平均位置强多少？那里的反差又强多少？一共 16 张照片，尺寸减半，比较 VGG-16 和没有训练过的主干。

# %%
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.stats import t

greys = [photo.mean(axis=2) / 255 for photo in half_size]
strength = {
    "outline (0 to 1)": [maximum_filter(outlines_of(photo)[-1], size=9) for photo in half_size],
    "contrast (0 to 1)": [maximum_filter(g, size=9) - minimum_filter(g, size=9) for g in greys],
}


def beyond_chance(layer, name, maps):
    """At a photo's patches minus at all places that could be one: mean over photos, half a 95 % interval."""
    differences, half_field = [], fields[name].size[0] // 2
    for number, strengths in enumerate(maps):
        rows, columns = layer.centres[layer.image_indices == number].astype(int).T
        possible = strengths[half_field:-half_field, half_field:-half_field]
        if len(rows):
            differences.append(strengths[rows, columns].mean() - possible.mean())
    error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    return np.mean(differences), t.ppf(0.975, len(differences) - 1) * error


# %%
_, axes = plt.subplots(1, 2, figsize=(9.8, 3.2))
for ax, (what, maps) in zip(axes, strength.items(), strict=True):
    for network, layers in {"VGG-16": in_photos, "untrained network": in_photos_untrained}.items():
        beyond = np.array([beyond_chance(layers[name], name, maps) for name in SHEET])
        ax.errorbar(
            short[1:], *beyond.T, marker="o", color=plots.METHOD_COLORS[network], label=network
        )
        print(f"{what}, {network}:", *(f"{mean:.2f} ± {error:.2f}" for mean, error in beyond))
    ax.axhline(0, color=plots.COLORS["muted"], linestyle=":")
    ax.set(title=what, xlabel="layer", ylabel="at patches, beyond chance")
axes[0].legend()
plt.show()

# %% [markdown] lang="en"
# In every block patches lie on outlines more than chance would put them there, in block 5 only just. But down to block
# 4 those of the **untrained** trunk do so at least as much: they seek contrast, even more than the trained trunk's, and
# outlines have it. So patches on outlines are no evidence of the fine-tuning; for the second time the control takes a
# good story away. (The outlines were drawn by this very trunk, which favours it.) Whether the fine-tuning changed the
# patches at all, only ImageNet's own weights could tell: section 10. What it did is in the drawings, and nine patches a
# unit cannot show it: not what excites one channel most, but what all channels together say at every place.

# %% [markdown] lang="zh"
# 在每个卷积块里，图块都比随机更常落在轮廓上，到第 5 个就只多一点点。可是直到第 4 个卷积块，**没有训练过**的主干至少同
# 样明显：它的图块追逐反差，比训练过的更甚，而轮廓正有反差。所以，图块落在轮廓上，并不是微调的证据；对照第二次拆穿了一
# 个好听的故事。（轮廓就是这个主干自己画的，对它有利。）微调究竟有没有改变图块，要和 ImageNet 原来的权重比较才知道，见
# 第 10 节。微调做了什么，要看上面的画，每个单元九个图块是看不出来的：重要的不是什么最能激活某一个通道，而是所有通道合
# 起来在每个位置说了什么。

# %% [markdown] lang="en"
# ## 9 · Which pixels make two photos the same person?
#
# A decision belongs to no single unit, but it can be asked: which pixels matter? There are two ways. **Occlusion**:
# cover a window of photo A with its mean grey, and see how much the distance to photo B grows. **Saliency**: the
# size of the distance's gradient at each pixel, averaged over 16 noisy copies of the photo.

# %% [markdown] lang="zh"
# ## 9 · 哪些像素让两张照片成为同一个人？
#
# 一个判断不归哪一个单元管，但也可以问它：哪些像素重要？有两种办法。**遮挡**：用平均灰度盖住照片 A 的一个窗口，看它到
# 照片 B 的距离增加多少。**显著性**：距离对每个像素的梯度有多大，对 16 张加了噪声的照片求平均。


# %%
embed = tf.function(encoder, reduce_retracing=True)  # compiled, for speed
embed_untrained = tf.function(untrained[0], reduce_retracing=True)


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
    plots.plot_importance(
        faces.images[a], gaussian_filter(saliency, 2), title="saliency", ax=row[3]
    )
for ax in axes.flat:
    ax.axis("off")
plt.show()

# %% [markdown] lang="en"
# Red: covered, the two photos become less alike. Blue: covered, they become more alike. (Saliency has no sign; it is
# blurred a little to be seen.) In this one pair of photos, covering the nose raises the distance most; for the two
# men, covering the brow or the cheek lowers it, and covering the mouth raises it. Two pairs are an example, not a
# finding. And a map that looks like a face looks right. Two tests:
#
# - **Deletion.** Cover the pixels that a map calls most important. Does the distance grow faster than with squares in
#   random order? Than with two stupid maps: a **disc in the middle**, and the occlusion map of **another person**?
# - **Another network.** A map that explains *this* encoder must change when its weights are replaced by random ones
#   (Adebayo et al., 2018). We compare ranks: 1 if both maps put the pixels in the same order, 0 if in unrelated ones.

# %% [markdown] lang="zh"
# 红色：盖住它，两张照片就不那么像了；蓝色：盖住它，两张照片反而更像。（显著性没有正负；为了看得清，稍微模糊了一下。）在
# 这一对照片里，盖住鼻子，距离增加得最多；对这两个人，盖住眉头或脸颊，距离反而变小，盖住嘴则变大。两对照片只是例子，不
# 是结论。何况图看起来像一张脸，人就容易相信它。来做两个检验：
#
# - **删除。** 先盖住一张图认为最重要的像素。距离是否比按随机次序盖方块时增长得快？是否比两张最笨的图快：**正中的圆
#   盘**，以及**另一个人**的遮挡图？
# - **换一个网络。** 一张图如果解释的是*这个*编码器，那么把权重换成随机数之后，它必须改变（Adebayo 等，2018）。我们比较
#   秩：两张图把像素排成同样的次序时为 1，次序毫无关系时为 0。

# %%
from scipy.stats import spearmanr


def maps_of(photo, distances):
    """Both maps of a photo. (Strides are wider than above, to save time.)"""
    occlusion = visualization.occlusion_map(distances, photo, window=30, stride=15)
    return {
        "occlusion": occlusion.per_pixel(),
        "saliency": visualization.saliency_map(distances, photo),
    }


pairs = [
    [faces.images[number] for number in first_two[person]]
    for person in rng.choice(40, PEOPLE, replace=False)
]
maps = [maps_of(a, distance_to(b)) for a, b in pairs]
maps_untrained = [maps_of(a, distance_to(b, embed_untrained)) for a, b in pairs]
for name in maps[0]:
    ranks = [
        spearmanr(one[name].ravel(), other[name].ravel()).statistic
        for one, other in zip(maps, maps_untrained, strict=True)
    ]
    span = f"from {min(ranks):.2f} to {max(ranks):.2f}"
    print(f"{name}: rank correlation with an untrained network's {np.mean(ranks):.2f}, {span}")

# %%
fractions = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.3])
rows, columns = np.mgrid[:150, :150] - 74.5
disc = -np.hypot(rows, columns)
methods = ("occlusion", "saliency", "another’s occlusion", "disc in the middle", "random squares")
curves = {name: [] for name in methods}
for number, (a, b) in enumerate(pairs):
    another = maps[(number + 1) % PEOPLE]["occlusion"]
    squares = [rng.random((15, 15)).repeat(10, axis=0).repeat(10, axis=1) for _ in range(10)]
    candidates = [
        [maps[number]["occlusion"]],
        [maps[number]["saliency"]],
        [another],
        [disc],
        squares,
    ]
    for name, importances in zip(curves, candidates, strict=True):
        grown = [
            visualization.deletion_curve(distance_to(b), a, importance, fractions=fractions)
            for importance in importances
        ]
        curves[name].append(np.mean(grown, axis=0))

# %%
_, ax = plt.subplots(figsize=(7.6, 3.4))
for shift, (name, rows) in enumerate(curves.items()):
    growth = np.array(rows) - np.array(rows)[:, :1]
    error = t.ppf(0.975, PEOPLE - 1) * growth.std(axis=0, ddof=1) / np.sqrt(PEOPLE)
    ax.errorbar(fractions + 0.002 * (shift - 2), growth.mean(axis=0), error, marker="o", label=name)
    print(f"{name:20}", *(f"{value:5.2f}" for value in growth.mean(axis=0)))
ax.set(xlabel="share of the photo that is covered", ylabel="growth of the distance")
ax.legend()
plt.show()
at_5_percent = {name: np.array(rows)[:, 2] - np.array(rows)[:, 0] for name, rows in curves.items()}
assert (at_5_percent["occlusion"] > at_5_percent["random squares"]).mean() > 0.8
assert (at_5_percent["disc in the middle"] > at_5_percent["random squares"]).mean() > 0.8

# %% [markdown] lang="en"
# Both maps beat random squares: 5 % of the photo, chosen by either, move the distance by 0.18 or 0.19, random squares by
# 0.05 (bars: 95 % intervals for six people, Student's t). But so does a plain **disc in the middle**, 0.18, drawn
# without any network, and another person's map is not far behind, 0.14. So most of the success is knowing where a face
# is, not what marks this one. And the occlusion map has an easy examination: it was made by covering the same photo
# with the same grey. The second test: the saliency map of **random weights** ranks the pixels nearly alike, 0.80. The
# occlusion map changes with the network, 0.31 on average, from −0.25 to 0.61. Passing one test is not much; before you
# believe a map, compare it with something stupid.
#
# ## 10 · Yours
#
# - **Your photos.** Set `MY_PHOTOS` at the top to a folder, and the next cell searches it.
# - **ImageNet's own weights.** With a network connection, `models.build_vgg_features(names, weights="imagenet")` is
#   VGG-19 as it was trained on objects; Keras downloads 80 MB once. Give that argument wherever a trunk is built,
#   and sections 3 and 6 run on it; compare block 5. (Blocks 3 to 5 have a fourth convolution there. Section 8
#   cannot follow: that file draws no outlines.)
# - **Any Keras model** with one image input does: `visualization.top_patches(model, layer, images)`.

# %% [markdown] lang="zh"
# 两张图都胜过随机方块：按任何一张盖住 5 % 的像素，距离增加 0.18 或 0.19，随机方块只有 0.05（误差线是六个人的 95 % 置信区
# 间，用 t 分布）。可是，不用任何网络、只在图像正中画一个**圆盘**，也有 0.18；另一个人的图也差得不多，0.14。所以成功大半只
# 是因为知道脸在哪里，而不是知道这张脸特别在哪里。何况遮挡图考的是自己出的题：它本来就是用同样的灰色盖同一张照片得到的。第
# 二个检验：**权重随机**时，显著性图给像素排出的次序几乎一样，0.80。遮挡图随网络而变，平均 0.31，从 −0.25 到 0.61。通过一
# 个检验说明不了多少；相信一张图之前，先拿一个最笨的办法来比。
#
# ## 10 · 换成你自己的
#
# - **你的照片。** 把开头的 `MY_PHOTOS` 设为一个文件夹，下一个单元格就会在里面搜索。
# - **ImageNet 原来的权重。** 有网络时，`models.build_vgg_features(names, weights="imagenet")` 就是用物体训练出来的
#   VGG-19，Keras 会下载一次，80 MB。凡是建立主干的地方都加上这个参数，第 3、6 节就能照样运行；请比较第 5 个卷积块。（它
#   的第 3 至 5 个卷积块多一层卷积。第 8 节不能用：那个文件不会画轮廓。）
# - **任何 Keras 模型**，只要输入是一张图像，都可以：`visualization.top_patches(model, layer, images)`。

# %%
if MY_PHOTOS is not None:
    mine = list(data.load_photos(names=(), folder=MY_PHOTOS).values())
    in_mine = visualization.top_patches(vgg, "block4_conv1", mine, patches=PATCHES, per_image=3)
    plots.plot_patch_sheet(in_mine.crop(mine, shown["block4_conv1"]))
    plt.show()

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
# **练习 1：** 先动笔算：VGG-16 第 3 个卷积块最后一层的单元，感受野有多少像素宽？从图像到它那里，依次是两层卷积、一次
# 池化、两层卷积、一次池化、三层卷积；卷积核都是 3 × 3，步幅为 1；池化都是 2 × 2，步幅为 2。（第 3 节有一个标题写着答
# 案。）再写成函数：`layers` 是由（卷积核大小，步幅）组成的列表，第一项直接读图像。返回最后一层感受野的宽度；列表为空
# 时，宽度是 1。


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
# **练习 2：** 单元在它那一层的位置 (`row`, `column`) 上，看到的是图像中的哪个方框？感受野的高和宽都是 `size` 个像素，
# 相邻两个位置的方框相距 `stride` 个像素，位置 (0, 0) 的方框从第 `offset` 行、第 `offset` 列开始；网络有填充
# 时，`offset` 是负数。下边和右边不含在内，和切片一样。不要裁剪：在边界上，方框会伸到图像外面。


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
# **练习 3：** 图像再多，也能找出最强的图块，而不必留住全部激活：图像一张接一张地来，每个单元只留下到目前为止最强的 k
# 个激活。它们放在 `best` 里，形状为 `(units, k)`，每行从大到小（一开始全是 −∞）；`new` 的形状为 `(units, n)`，是新来
# 的一张图像里的激活。对每个单元，从两者中选出最强的 k 个，从大到小返回，两个数组本身保持原样。一百万张图像比十张图像
# 多占多少内存？


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
# **练习 4：** 遮挡图上的一个位置。`distance` 是一个函数，输入一张图像，形状为 `(height, width, 3)`。把左上角在
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
#   **gradient ascent** paints what no photo contained, and excites units of block 4 four to five times as much.
# - **Edges come first** in all three networks. That deep units seem to know eyes and mouths proves nothing by
#   itself: with random weights they do so too, and keep to their places even when shown noise. What the encoder has
#   learned shows in the person: 0.17 against 0.10 at most.
# - **A trunk fine-tuned for outlines** draws them; that its patches lie on outlines proves nothing, for those of
#   random weights do so at least as much.
# - **Test a map before you believe it**: against a disc in the middle, another person's map, another network.
#
# **References.** Zeiler, Fergus, "Visualizing and understanding convolutional networks", ECCV 2014 · Simonyan,
# Vedaldi, Zisserman, "Deep inside convolutional networks", ICLR workshop 2014 · Simonyan, Zisserman, "Very deep
# convolutional networks", ICLR 2015 · Xie, Tu, "Holistically-nested edge detection", ICCV 2015 · Luo et al.,
# "Understanding the effective receptive field", NeurIPS 2016 · Olah, Mordvintsev, Schubert, "Feature
# visualization", Distill 2017 · Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018.
#
# **Next:** [08 · The cost function](08_style_cost.ipynb): one unit by itself said little. What do two say *together*,
# and why is that a style? **Back:** [06 · What neural style transfer is](06_style_transfer.ipynb), and for the faces
# [05 · Verification as classification](05_classification.ipynb).

# %% [markdown] lang="zh"
# ## 小结
#
# - **一个单元看到一个方框里的像素**，只凭卷积核和步幅就能算出来：VGG-16 最后一层是 196 个像素，梯度证实了这一点。真
#   正能影响它的，大多在方框中间。
# - **最强的九个图块**取自所有照片的所有位置，一遍就能为所有层的所有单元找出来；**梯度上升**画出照片里没有的东西，对第 4
#   个卷积块的单元，激活是照片的四到五倍。
# - 三个网络都**从边缘开始**。深层单元好像认得眼睛和嘴，这本身什么也证明不了：权重随机时也一样，哪怕看的是噪声，单元也守
#   着自己的位置。编码器学到的东西，要看是不是同一个人：0.17 对至多 0.10。
# - **为画轮廓而微调的主干**会画轮廓；可它的图块落在轮廓上证明不了什么，因为权重随机时至少同样明显。
# - **先检验，再相信一张图**：拿正中的圆盘、别人的图和另一个网络来比。
#
# **参考文献：** Zeiler、Fergus，“Visualizing and understanding convolutional networks”，ECCV 2014 ·
# Simonyan、Vedaldi、Zisserman，“Deep inside convolutional networks”，ICLR workshop 2014 · Simonyan、Zisserman，“Very
# deep convolutional networks”，ICLR 2015 · Xie、Tu，“Holistically-nested edge detection”，ICCV 2015 · Luo 等，
# “Understanding the effective receptive field”，NeurIPS 2016 · Olah、Mordvintsev、Schubert，“Feature
# visualization”，Distill 2017 · Adebayo 等，“Sanity checks for saliency maps”，NeurIPS 2018。
#
# **下一课：** [08 · 代价函数](08_style_cost.ipynb)：单看一个单元，说明不了多少。两个单元*一起*激活说明什么？为什么那
# 就是风格？**上一课：** [06 · 什么是神经风格迁移](06_style_transfer.ipynb)；人脸部分见
# [05 · 人脸验证与二分类](05_classification.ipynb)。
