# %% [markdown] lang="en"
# # 09 · From 2D to 1D and 3D
#
# *A convolution does not know how many axes it has.* The rule that found edges in photos finds
# heartbeats in a voltage and tissue in a brain; this notebook writes it once, for any number of axes.
#
# **After this you can**
# - say what comes out of a convolution along 1, 2 or 3 axes, how many numbers it learns and how often it multiplies;
# - find heartbeats in noise with one filter, made by hand or learned;
# - classify recordings of several sensors, and voxels of a volume, and say what the result is worth;
# - decide whether time, or depth, should be an axis or be channels.
#
# **You need** convolution in 2D, and of notebooks 01 to 08 only the rule of three and the bootstrap (notebook 01).
# **Run time:** about 65 seconds on 2 CPU cores.

# %% [markdown] lang="zh"
# # 09 · 从 2D 到 1D 和 3D
#
# *卷积并不知道自己有几个轴。* 在照片里找边缘的规则，同样能在电压里找心跳，在大脑里找组织；本课只写一遍，几个轴都能
# 用。
#
# **学完本课，你能够**
# - 说出沿 1、2、3 个轴的卷积输出什么形状、要学多少个数、要做多少次乘法；
# - 用一个滤波器，手工设计的或学来的，在噪声中找出心跳；
# - 给多个传感器的记录分类，给三维图像的体素分类，并说清这样的结果有多大价值；
# - 判断时间或深度应当当作一个轴，还是当作通道。
#
# **预备知识：** 2D 卷积；第 01 至 08 课只用到第 01 课的三法则和自助法。
# **运行时间：** 双核 CPU 约 65 秒。

# %% tags=["setup"]
import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import find_peaks
from sklearn.linear_model import LogisticRegression

from course_utils import data, exercises, plots, shapes
from course_utils.session import start_session

rng = start_session(seed=0)
import keras

from course_utils import losses, models

plots.use_course_style()

# %% tags=["settings"]
NOISE_MV = 0.4  # noise in which a filter is learned, mV
FILTER_STEPS = 200  # of its training
EPOCHS = 30  # of the network for activities
SEEDS = (0, 1, 2, 3, 4)  # of its trainings
BRAIN_NOISE = 0.1  # standard deviation, as a share of the brightest voxel
BRAIN_STEPS = 200  # of each segmenter's training
BRAIN_SEEDS = (0, 1, 2)
CLIP_STEPS = 120  # of the networks for clips

# %% tags=["readme-picture"]
brain = data.load_brain_volume(crop="brain", step=2)
tissue = brain.grey_matter + brain.white_matter
x, y, z = tissue.shape
corner = ((0, x // 2 - 5), (y // 2, y), (z // 2, z))
ax = plt.figure(figsize=(5.4, 4.8)).add_subplot(projection="3d")
plots.plot_surface(tissue, image=brain.t1, cut=corner, voxel_size=brain.voxel_size, ax=ax)
plt.show()

# %% [markdown] lang="en"
# A volume: the mean brain of 152 people, with a corner taken out. Grey matter lies outside and is dark in the cut;
# white matter is bright. In section 6 a network tells them apart. (ICBM 152 template, McConnell Brain Imaging
# Centre, McGill University.)
#
# ## 1 · One rule for any number of axes
#
# Lay the filter on the input, multiply number by number, add everything up; move on, and do it again. With positions $p$
# and offsets $q$ that have as many coordinates as there are axes, channels $c$ and filters $k$:
#
# $$y_{p,k} = b_k + \sum_{q} \sum_{c} x_{s\,p + d\,q,\; c}\; w_{q,c,k}$$
#
# with stride $s$ and dilation $d$. The formula does not say how many axes there are, and neither does the code:

# %% [markdown] lang="zh"
# 一幅三维图像：152 个人的平均大脑，挖掉了一角。外层是灰质，在切面上较暗；白质较亮。第 6 节要让网络把它们分开。（ICBM
# 152 模板，麦吉尔大学 McConnell 脑成像中心。）
#
# ## 1 · 不论几个轴，同一条规则
#
# 把滤波器放到输入上，逐个相乘，全部加起来；移一步，再做一遍。位置 $p$ 和偏移 $q$ 的坐标个数等于轴的个数，$c$ 是通
# 道，$k$ 是滤波器，$s$ 是步幅，$d$ 是空洞率：
#
# $$y_{p,k} = b_k + \sum_{q} \sum_{c} x_{s\,p + d\,q,\; c}\; w_{q,c,k}$$
#
# 公式没有说有几个轴，代码也不必说：


# %%
def convolve(inputs, filters, bias, *, strides=1, dilation=1):
    """Inputs (*sizes, channels), filters (*kernel, channels, filters) → (*positions, filters)."""
    num_axes = inputs.ndim - 1
    spans = [dilation * (width - 1) + 1 for width in filters.shape[:num_axes]]
    windows = np.lib.stride_tricks.sliding_window_view(inputs, spans, axis=range(num_axes))
    step, gap = slice(None, None, strides), slice(None, None, dilation)
    windows = windows[(step,) * num_axes + (slice(None),) + (gap,) * num_axes]
    windows = np.moveaxis(windows, num_axes, -1)  # positions, kernel, channels
    return np.tensordot(windows, filters, axes=num_axes + 1) + bias


# %% [markdown] lang="en"
# From scratch equals Keras, and the shape is the one that `course_utils.shapes` predicts:

# %% [markdown] lang="zh"
# 自己写的与 Keras 结果一致，形状也与 `course_utils.shapes` 的预测一致：

# %%
LAYERS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
CASES = ({}, {"strides": 2}, {"dilation": 2})
for num_axes, layer_class in enumerate(LAYERS, start=1):
    inputs = rng.standard_normal((*(13, 11, 12)[:num_axes], 3)).astype("float32")
    for case in CASES:
        keras_case = {key.replace("dilation", "dilation_rate"): case[key] for key in case}
        layer = layer_class(4, 3, bias_initializer="normal", **keras_case)
        expected = layer(inputs[None]).numpy()[0]
        found = convolve(inputs, *layer.get_weights(), **case)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert found.shape == shapes.conv_output_shape(inputs.shape, 3, 4, **case)
print(f"{len(LAYERS) * len(CASES)} convolutions along 1, 2 and 3 axes agree with Keras")

# %% [markdown] lang="en"
# ## 2 · Where does the 3 go, and where does the 16 come from?
#
# The lecture's three examples, drawn and then computed:

# %% [markdown] lang="zh"
# ## 2 · 那个 3 去了哪里，16 又从哪里来？
#
# 课堂上的三个例子，先画出来，再算出来：

# %%
EXAMPLES = ((14, 14, 3), (14, 1), (14, 14, 14, 1))  # the lecture's, with 16 filters of width 5
for input_shape in EXAMPLES:
    _, ax = plt.subplots(figsize=(10, 4.3))
    plots.plot_convolution_shapes(input_shape, 5, 16, ax=ax)
    plt.show()

# %%
for input_shape in EXAMPLES:
    inputs = rng.standard_normal(input_shape)
    filters = rng.standard_normal((*[5] * (inputs.ndim - 1), input_shape[-1], 16))
    output = convolve(inputs, filters, np.zeros(16))
    assert output.shape == shapes.conv_output_shape(input_shape, 5, 16)
    print(f"{input_shape} with 16 filters of {filters.shape[:-1]} -> {output.shape}")

# %% [markdown] lang="en"
# A filter is always as deep as its input has channels: 5×5×**3** for a colour image. All its products become *one* sum, so the
# axis of channels is used up. What stands last in the output is a new axis: **one channel for each filter**, 16 of them. So the
# next layer's filters must be 16 deep, whatever the number of axes. And "3D" counts the axes along which a filter
# *moves*: a colour image has three axes, yet its convolution is 2D, as nothing moves along the colours.
#
# ## 3 · Stride, padding, dilation, and what it costs

# %% [markdown] lang="zh"
# 输入有多少个通道，滤波器就有多深：彩色图像的滤波器是 5×5×**3**。它的所有乘积合成*一个*和，所以通道这个轴就用掉了。输
# 出的最后一个轴是新的：**每个滤波器一个通道**，共 16 个。因此下一层滤波器的深度必须是 16，几维都一样。还有，“3D”数的
# 是滤波器沿着几个轴*移动*：彩色图像有三个轴，它的卷积却是 2D 的，因为没有什么沿着颜色移动。
#
# ## 3 · 步幅、填充、空洞，以及要花多少

# %%
VARIANTS = {
    "valid": {},
    "same": {"padding": "same"},
    "causal (output t sees no input after t)": {"padding": "causal"},
    "stride 2": {"strides": 2},
    "stride 2, same": {"strides": 2, "padding": "same"},
    "dilation 4 (spans 9 inputs)": {"dilation": 4},
}
for name, options in VARIANTS.items():
    print(f"{name:40} 16 -> {shapes.conv_output_shape((16, 1), 3, 8, **options)[0]}")
try:
    shapes.conv_output_shape((16, 1), 3, 8, dilation=8)
except ValueError as error:
    print(error)

# %%
for num_axes in (1, 2, 3):
    cube = (*[64] * num_axes, 16)
    learned = shapes.conv_parameter_count(cube, 3, 16)
    products = shapes.conv_multiply_count(cube, 3, 16, padding="same")
    print(f"64 along {num_axes} axes: {learned:5,} parameters, {products:13,} multiplications")
assert products == 27 * 16 * 16 * 64**3

# %% [markdown] lang="en"
# `valid` adds nothing at the ends; `same` adds as many zeros as make the output of stride 1 as long as the input;
# `causal` adds them all in front. Along each axis there are ⌊(n + m − span) / s⌋ + 1 positions, whatever the other axes
# do: n inputs, m zeros of padding on both sides together, stride s; a kernel of k with dilation d spans d(k − 1) + 1
# inputs. Each further axis makes the parameters nearly 3 times as many (the kernel), the multiplications 3 · 64 = 192
# times: **it is mostly the positions that cost**, not the filter. Hence volumes come in low resolution, in crops, in
# batches of one.
#
# ## 4 · One axis: heartbeats
#
# A real electrocardiogram, 21 seconds at 360 samples a second, of the MIT-BIH Arrhythmia Database. The shaded stretch
# is marked as abnormal: a beat comes early, and a pause follows. The database marks every beat, but our excerpt does
# not hold the marks; in this clean trace each beat stands out, and a threshold finds them. What it finds is the truth
# from here on:

# %% [markdown] lang="zh"
# `valid` 两端都不填充；`same` 填充若干个 0，使步幅为 1 时输出与输入一样长；`causal` 把这些 0 全填在前面。沿每个轴有
# ⌊(n + m − 跨度) / s⌋ + 1 个位置，与其他轴无关：n 是输入的长度，m 是两侧一共填充的 0 的个数，s 是步幅；大小为 k、空洞
# 率为 d 的卷积核，跨度是 d(k − 1) + 1。每多一个轴，参数变成将近 3 倍（卷积核变大），乘法却变成 3 · 64 = 192 倍，**贵
# 的主要是位置，不是滤波器**。所以三维数据常常分辨率不高、切成小块、一批只放一个。
#
# ## 4 · 一个轴：心跳
#
# 一段真实的心电图，取自 MIT-BIH 心律失常数据库，共 21 秒，每秒 360 个采样点。阴影部分标为异常：有一次心跳提前了，随后
# 停顿了一下。数据库里每次心跳都有标注，但我们手里的这一段不带标注；好在这段信号很干净，每次心跳都很突出，用一个阈值就
# 能找出来。以下就以此为标准答案：

# %%
ecg = data.load_ecg()
RATE = int(ecg.sampling_rate)
beats, _ = find_peaks(ecg.signal, height=0.5, distance=RATE // 5)
half = len(ecg.signal) // 2
early, late = beats[beats < half], beats[beats >= half] - half
_, ax = plt.subplots(figsize=(10, 2.6))
plots.plot_signal(
    ecg.signal,
    times=ecg.seconds,
    marks={"beat": beats},
    spans={"marked as abnormal": ecg.is_abnormal},
    label="voltage",
    unit=ecg.unit,
    ax=ax,
)
plt.show()
print(f"{len(early)} beats in the first half, {len(late)} in the second")

# %% [markdown] lang="en"
# No filter is needed, then? Add noise. A filter by hand: a beat is a narrow spike, so take what is in the middle minus
# what is beside it. Its 45 numbers sum to 0, so that a slow drift of the trace hardly changes its response.

# %% [markdown] lang="zh"
# 这么说根本不需要滤波器？加上噪声再看。手工设计一个滤波器：心跳是一个很窄的尖峰，所以用中间减去两边。它的 45 个数加起来
# 等于 0，信号缓慢的漂移几乎不影响它的响应。

# %%
SIDE = 15  # samples, 42 ms
handmade = np.repeat([-1.0, 2.0, -1.0], SIDE) / (4 * SIDE)


def respond(signal, taps):
    """One filter along a signal, padded so that it stays as long."""
    padded = np.pad(signal, (len(taps) // 2, (len(taps) - 1) // 2), mode="edge")
    return convolve(padded[:, None], taps[:, None, None], 0.0)[:, 0]


noisy = ecg.signal + NOISE_MV * rng.standard_normal(len(ecg.signal))
_, axes = plt.subplots(2, 1, figsize=(10, 4), sharex=True)
part = slice(half, half + 5 * RATE)
for ax, trace, label in (
    (axes[0], noisy, "with noise"),
    (axes[1], respond(noisy, handmade), "filtered"),
):
    marks = {"beat": late[late < 5 * RATE]}
    plots.plot_signal(
        trace[part], times=ecg.seconds[part], marks=marks, label=label, unit=ecg.unit, ax=ax
    )
plt.show()

# %% [markdown] lang="en"
# Can it be learned? One filter of 61 numbers, Conv1D with a single output: its response, through a sigmoid, should be 1
# near a beat and 0 elsewhere. It sees the **first half** of the trace only, under ever new noise.

# %% [markdown] lang="zh"
# 能不能学出来？一个有 61 个数的滤波器，即只有一个输出的 Conv1D：它的响应经过 sigmoid 以后，在心跳附近应当是 1，其余地方是 0。
# 它只看信号的**前半段**，每次都加上新的噪声。


# %%
def train_filter(signal, beats, num_taps=61):
    """The numbers of one filter whose response says where the beats are."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((len(signal), 1))
    layer = keras.layers.Conv1D(
        1, num_taps, padding="same", activation="sigmoid", kernel_initializer="zeros"
    )
    model = keras.Model(inputs, layer(inputs))
    near = np.abs(np.arange(len(signal))[:, None] - beats).min(axis=1) <= 3
    weights = np.where(near, np.mean(~near) / np.mean(near), 1.0)  # beats are rare
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", jit_compile=False)
    for _ in range(FILTER_STEPS):
        noise = NOISE_MV * rng.standard_normal(len(signal))
        model.train_on_batch((signal + noise)[None, :, None], near[None, :, None], weights[None])
    return layer.get_weights()[0][:, 0, 0].astype(float)


learned = train_filter(ecg.signal[:half], early)
mean_beat = np.mean([ecg.signal[beat - 30 : beat + 31] for beat in early], axis=0)

# %%
_, ax = plt.subplots(figsize=(9.4, 2.9))
for taps, label, color in (
    (mean_beat - mean_beat.mean(), "mean beat of the first half, minus its mean", "fourth"),
    (handmade, "filter made by hand", "second"),
    (learned, "learned filter", "third"),
):
    milliseconds = (np.arange(len(taps)) - len(taps) // 2) / RATE * 1000
    ax.plot(milliseconds, taps / np.abs(taps).max(), color=plots.COLORS[color], label=label)
ax.set(xlabel="milliseconds from the beat", title="Filters, each divided by its largest value")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
assert np.corrcoef(learned, mean_beat)[0, 1] > 0.5

# %% [markdown] lang="en"
# It has come close to the shape of a beat, with a dip before and after the spike; it is wider, as it was asked to
# answer 1 at seven samples around each beat. The likeness is no accident: in white noise the best linear detector of a
# known shape is that shape, the **matched filter**; here, the mean beat. How much are they worth? For each level of
# noise, the threshold is chosen on the first half, and F1 measured on the second. F1 is 1 if every beat is found,
# within 50 ms, and nothing else (means over ten draws of the noise):

# %% [markdown] lang="zh"
# 它学到的与心跳的形状相近，尖峰前后也有下陷；但更宽，因为训练时要求它在每次心跳附近的七个采样点上都输出 1。相近不是偶
# 然：在白噪声中寻找形状已知的信号，最好的线性检测器就是这个形状本身，叫**匹配滤波器**；在这里就是平均心跳。这几个滤波
# 器有多大用处？对每个噪声强度，在前半段上选阈值，在后半段上测 F1 值。每次心跳都找到（误差不超过 50 毫秒）、又没有多
# 找，F1 值就是 1 （取十次噪声的平均）：


# %%
def f1(response, threshold, truth):
    """1 if every beat is found, within 50 ms, and nothing else."""
    found, _ = find_peaks(response, height=threshold, distance=RATE // 5)
    hits = sum(bool(np.any(np.abs(found - beat) <= RATE // 20)) for beat in truth)
    return 2 * hits / (len(found) + len(truth))


def measure(taps, level):
    """F1 on the second half, with a threshold from the first."""
    found = []
    for draw in range(10):
        noise = np.random.default_rng(draw).standard_normal(len(ecg.signal))
        response = respond(ecg.signal + level * noise, taps)
        thresholds = np.quantile(response[:half], np.linspace(0.9, 0.999, 25))
        on_first = np.array([f1(response[:half], each, early) for each in thresholds])
        best = np.median(thresholds[on_first == on_first.max()])
        found.append(f1(response[half:], best, late))
    return float(np.mean(found))


# %%
LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
METHODS = {
    "no filter": np.ones(1),
    "made by hand": handmade,
    "learned": learned,
    "mean beat": mean_beat - mean_beat.mean(),
}
curves = {name: [measure(taps, level) for level in LEVELS] for name, taps in METHODS.items()}
_, ax = plt.subplots(figsize=(6.6, 2.9))
for name, curve in curves.items():
    ax.plot(LEVELS, curve, "o-", label=name)
ax.set(xlabel="noise (standard deviation, mV)", ylabel="F1 on the second half", ylim=(0, 1.03))
ax.legend()
plt.show()
for name, curve in curves.items():
    print(f"{name:13}", " ".join(f"{value:.2f}" for value in curve))
assert curves["learned"][3] > curves["made by hand"][3] > curves["no filter"][3] + 0.2

# %% [markdown] lang="en"
# With noise of 0.6 mV, half the height of a beat, the bare trace is lost (0.42), and the learned filter still finds
# most beats (0.83). The mean beat, which nobody had to train, does as well (0.89). Thirteen beats of one person measure
# the filter on this person, and under white noise: muscles, breathing and the mains make other noise. A second
# recording has three beats, other units, no stated rate, and perhaps another person:

# %% [markdown] lang="zh"
# 噪声达到 0.6 mV，约为心跳高度的一半，这时直接看信号已经不行了（0.42），学来的滤波器还能找出大多数心跳（0.83）。平均心
# 跳不用训练，也不比它差（0.89）。十三次心跳都来自一个人，量出的只是这个人身上的效果，而且加的是白噪声；肌肉活动、呼吸和
# 市电的干扰并不是这样。第二段记录有三次心跳，单位不同，采样率没有说明，是不是另一个人也不知道：

# %%
other = data.load_ecg("pywavelets")
scaled = (other.signal - np.median(other.signal)) / np.ptp(other.signal)
response = respond(scaled, learned)
found, _ = find_peaks(response, height=0.5 * response.max(), distance=RATE // 5)
_, ax = plt.subplots(figsize=(10, 2.2))
plots.plot_signal(other.signal, marks={"found": found}, label="value", ax=ax)
plt.show()
assert len(found) == 3

# %% [markdown] lang="en"
# The learned filter finds all three. That is little: the recording is clean, a bare threshold finds them too, and ours
# is half of the largest response, calibrated on nothing.
#
# ## 5 · Six channels: what is somebody doing?
#
# A watch with an accelerometer and a gyroscope, ten readings a second, ten seconds: 100 × 6 numbers. As the three
# colours of a photo are channels, so are the six readings; the filter moves along time alone. (One recording of each
# activity; the number at the right is the largest absolute value of that channel in all that is drawn, in units that
# the data do not state.)

# %% [markdown] lang="zh"
# 学来的滤波器三次都找到了。这说明不了多少：这段信号很干净，不用滤波器、只取阈值也能找到；这里的阈值是最大响应的一半，
# 没有校准过。
#
# ## 5 · 六个通道：这个人在做什么？
#
# 一块手表带有加速度计和陀螺仪，每秒读数十次，共十秒：100 × 6 个数。照片的三种颜色是三个通道，这里的六个读数就是六个通
# 道；滤波器只沿时间移动。（每种活动画一个记录；右边的数是该通道在所画记录中的最大绝对值，数据没有说明单位。）

# %%
train, test = data.load_basic_motions("train"), data.load_basic_motions("test")
NUM_CLASSES = len(train.activities)
firsts = [int(np.argmax(train.labels == label)) for label in range(NUM_CLASSES)]
_, ax = plt.subplots(figsize=(10, 4.3))
plots.plot_channels(
    train.signals[firsts],
    names=train.channels,
    sampling_rate=train.sampling_rate,
    titles=train.activities,
    ax=ax,
)
plt.show()

# %%
center, spread = train.signals.mean((0, 1)), train.signals.std((0, 1))
learn, examine = ((part.signals - center) / spread for part in (train, test))


def train_classifier(seed):
    keras.utils.set_random_seed(seed)
    model = models.build_conv1d_classifier(learn.shape[1:], NUM_CLASSES)
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(3e-3), loss, jit_compile=False)
    order = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        for batch in order.permutation(len(learn)).reshape(-1, 8):
            model.train_on_batch(learn[batch], train.labels[batch])
    return model


classifiers = [train_classifier(seed) for seed in SEEDS]
answers = [np.argmax(model(examine), axis=1) for model in classifiers]
accuracies = [float(np.mean(answer == test.labels)) for answer in answers]
print("Conv1D, five seeds, accuracy on the test half:", accuracies)
assert min(accuracies) == 1.0

# %% [markdown] lang="en"
# All forty right, five times. Before the applause, a baseline: forget the order of the readings, keep only the mean and
# the standard deviation of each channel, twelve numbers, and separate the classes by linear borders (logistic
# regression).

# %% [markdown] lang="zh"
# 五次训练，每次四十个全对。先别鼓掌，看看基线：完全不管读数的先后，每个通道只留平均值和标准差，共十二个数，再用线性边界
# 把各类分开（逻辑回归）。


# %%
def summary(signals):
    return np.concatenate([signals.mean(axis=1), signals.std(axis=1)], axis=1)


baseline = LogisticRegression(max_iter=1000).fit(summary(learn), train.labels)
_, axes = plt.subplots(1, 2, figsize=(9.6, 4.0), layout="constrained")
for ax, name, answer in (
    (axes[0], "mean and deviation only", baseline.predict(summary(examine))),
    (axes[1], "Conv1D, seed 0", answers[0]),
):
    table = np.zeros((NUM_CLASSES, NUM_CLASSES), dtype=int)
    np.add.at(table, (test.labels, answer), 1)
    plots.plot_confusion_matrix(table, train.activities, ax=ax)
    ax.set_title(f"{name}: {np.mean(answer == test.labels):.1%}")
plt.show()

# %% [markdown] lang="en"
# **The surprise:** twelve numbers without any order in time miss a single recording. (Chance is 25 %.) How the arm is
# held (mean) and how *hard* it moves (deviation) nearly suffice; so this data set cannot show what convolution is for.
# And by the rule of three, forty independent recordings without an error would still allow an error rate of 3/40 = 7.5
# %. These are not independent: four students made them all, and the same student may be in both halves. A perfect score
# on an easy test is a small result.
#
# What did the filters learn? For each activity the one whose activation belongs to it most:

# %% [markdown] lang="zh"
# **意外的是：** 十二个数，毫无时间先后可言，也只错了一个。（随机水平是 25 %。）手臂的姿势（平均值）和动得有多*猛*（标
# 准差）差不多就够了；所以这组数据显示不出卷积的用处。而且按三法则，四十个独立的记录全对，仍然容许 3/40 = 7.5 % 的错误
# 率。况且它们并不独立：全部记录只来自四名学生，同一名学生可能在两半数据里都出现。容易的考试得满分，算不了什么。
#
# 滤波器学到了什么？对每种活动，取激活最偏向它的那个滤波器：

# %%
first = keras.Model(classifiers[0].inputs[0], classifiers[0].get_layer("conv1").output)
activity = first(examine).numpy().mean(axis=1)  # recordings, filters
by_class = np.stack([activity[test.labels == label].mean(axis=0) for label in range(NUM_CLASSES)])
share = by_class / by_class.sum(axis=0)
units = share.argmax(axis=1)
kernel = first.layers[-1].get_weights()[0]
limit = np.abs(kernel[..., units]).max()
_, axes = plt.subplots(1, NUM_CLASSES, figsize=(10.2, 2.6), layout="constrained")
for ax, label, unit in zip(axes, range(NUM_CLASSES), units, strict=True):
    ax.imshow(kernel[..., unit].T, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set(xlabel="step", yticks=range(6), yticklabels=train.channels if label == 0 else [])
    ax.set_title(f"{train.activities[label]}: {share[label, unit]:.0%}, filter {unit}", fontsize=10)
    ax.grid(visible=False)
plt.show()

# %% [markdown] lang="en"
# Each is a pattern of seven steps across six channels, red for positive and blue for negative; the title says how much
# of the filter's activation falls to that activity (25 % would be no preference). Running and badminton each have a
# filter largely of their own. Standing and walking get the same one, and for walking 32 % is hardly a preference, as it
# is the largest of 32. No filter here stands for walking, yet the network recognises it: a filter need not be a
# concept.
#
# ## 6 · Three axes: grey matter and white matter
#
# Now voxels of 2 mm. Each is grey matter, white matter or neither, by the template's own maps. To keep training and test
# apart is harder than it looks. **Left and right will not do:** this template is exactly symmetric, so a network trained on the left
# has seen the right, if only in the mirror:

# %% [markdown] lang="zh"
# 每一个都是横跨六个通道、七个时间步的图案，红为正，蓝为负；标题写的是该滤波器的激活有多少落在这种活动上（25 % 就是没
# 有偏向）。跑步和打羽毛球各有一个比较专门的滤波器；站立和行走选出的是同一个，而且行走的 32 % 是 32 个滤波器里最大的，
# 几乎算不上偏向。没有哪个滤波器代表行走，网络照样认得出行走：一个滤波器不必就是一个概念。
#
# ## 6 · 三个轴：灰质与白质
#
# 现在是边长 2 毫米的体素。按模板自带的图，每个体素是灰质、白质，或者都不是。把训练和测试分开，比看上去要难。**左右对
# 分行不通：** 这个模板完全对称，用左半训练过的网络等于见过右半，只不过隔着镜子：

# %%
left, right = data.split_hemispheres(data.load_brain_volume())
print(
    "largest difference between the left and the mirrored right:", (left.t1 - right.t1[::-1]).max()
)
back, middle, front = data.split_slabs(brain, (1 / 3, 1 / 3, 1 / 3), gap=4)
print("slabs from back to front:", back.shape, middle.shape, front.shape)
_, ax = plt.subplots(figsize=(10, 3.4))
plots.plot_slices(
    brain.t1,
    labels=brain.labels,
    axis=0,
    positions=(18, 26, 34),
    voxel_size=brain.voxel_size,
    ax=ax,
)
plt.show()

# %% [markdown] lang="en"
# The pictures are cuts from back (P) to front (A), coloured by label; the last is near the middle of the brain. We cut
# the volume from back to front as well: train on the back third and the front third, test on the middle, with gaps of
# four voxels, so that no network of this section sees one voxel in both. Baseline: a table that gives each brightness
# its most frequent class. Measure: the Dice coefficient of grey and of white matter, twice the shared voxels over the
# true plus the predicted; it is the F1 of voxels, 1 if all are right.

# %% [markdown] lang="zh"
# 图中是从后（P）到前（A）的切面，按标签着色，最后一片靠近大脑正中。于是改为前后切：用后三分之一和前三分之一训练，用中间
# 测试，中间隔开四个体素，使本节的网络不会在训练和测试中看到同一个体素。基线是一张表：每种亮度，取它最常见的类别。衡量的
# 办法是灰质和白质各自的 Dice 系数：两倍的重合体素数，除以真实的与预测的体素数之和；它就是体素的 F1 值，全对时为 1。


# %%
def brightness_table(images, labels):
    """Learns the most frequent class of each brightness."""
    edges = np.linspace(-0.5, 1.5, 256)
    counts = np.zeros((len(edges) + 1, 3))
    for image, label in zip(images, labels, strict=True):
        np.add.at(counts, (np.digitize(image, edges).ravel(), label.ravel()), 1)
    return lambda image: counts.argmax(axis=1)[np.digitize(image, edges)]


def dice(predicted):
    """Of grey and of white matter: 2 · |A ∩ B| / (|A| + |B|)."""
    return losses.dice_coefficient(middle.labels, predicted, num_classes=3)[1:]


learn_labels = [back.labels, front.labels]
clean = dice(brightness_table([back.t1, front.t1], learn_labels)(middle.t1))
print("brightness alone, clean: Dice of grey and white", clean.round(3))
assert clean.min() > 0.95

# %% [markdown] lang="en"
# **The surprise:** on the clean template brightness alone reaches 0.96, and little is left to learn. It is the mean of
# 152 brains, nearly free of noise, and its tissue maps were computed from images of this kind. A scan of one person is
# noisy. So we add Gaussian noise, its standard deviation a tenth of the brightest voxel, and ask again. (Real scans are
# also unevenly bright, and their noise is not Gaussian where the image is dark.)

# %% [markdown] lang="zh"
# **意外的是：** 在干净的模板上，只看亮度就有 0.96，剩下可学的很少。它是 152 个大脑的平均，几乎没有噪声，组织图本来也是
# 由这类图像算出来的。一个人的单次扫描是有噪声的。所以我们加上高斯噪声，标准差是最亮体素的十分之一，再问一次。（真实的扫
# 描还有亮度不均匀的问题，而且在暗处噪声并不是高斯的。）

# %%
scan = np.random.default_rng(0)
noisy_back, noisy_middle, noisy_front = (
    slab.t1 + BRAIN_NOISE * scan.standard_normal(slab.shape).astype("float32")
    for slab in (back, middle, front)
)
learn_images = [noisy_back, noisy_front]
predictions = {"brightness": brightness_table(learn_images, learn_labels)(noisy_middle)}
print("brightness alone, noisy:", dice(predictions["brightness"]).round(3))

# %% [markdown] lang="en"
# A 2D network that sees slice after slice, and a 3D network, as equal as possible: two layers of 3 × 3 (× 3) filters, about the
# same number of parameters, the same crops in the same order.

# %% [markdown] lang="zh"
# 再比较逐个切片处理的 2D 网络和 3D 网络，条件尽量相同：两层 3 × 3（× 3）滤波器，参数个数差不多，训练用的小块及其次序也一样。

# %%
voxels = np.concatenate([image.ravel() for image in learn_images])
offset, scale = voxels.mean(), voxels.std()


def crops(generator, number=4, size=24):
    """Some cubes of the training slabs, and their labels."""
    images, labels = [], []
    for slab in generator.integers(len(learn_images), size=number):
        starts = [generator.integers(side - size + 1) for side in learn_images[slab].shape]
        box = tuple(slice(start, start + size) for start in starts)
        images.append((learn_images[slab][box] - offset) / scale)
        labels.append(learn_labels[slab][box])
    return np.stack(images)[..., None], np.stack(labels)


def as_slices(volumes):
    """Volumes (batch, x, y, z, …) → their slices (batch · z, x, y, …)."""
    volumes = np.moveaxis(volumes, 3, 1)
    return volumes.reshape(-1, *volumes.shape[2:])


# %%
def train_segmenter(build, prepare, seed):
    keras.utils.set_random_seed(seed)
    model = build()
    rate = keras.optimizers.schedules.CosineDecay(1e-2, BRAIN_STEPS)
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    generator = np.random.default_rng(seed)
    for _ in range(BRAIN_STEPS):
        images, labels = crops(generator)
        model.train_on_batch(prepare(images), prepare(labels))
    return model


scaled = ((noisy_middle - offset) / scale)[None, ..., None].astype("float32")
of_seeds = {"2D": [], "3D": []}
for seed in BRAIN_SEEDS:
    in_2d = train_segmenter(models.build_conv2d_segmenter, as_slices, seed)
    in_3d = train_segmenter(models.build_conv3d_segmenter, np.asarray, seed)
    slices = np.argmax(in_2d(as_slices(scaled)), axis=-1)
    of_seeds["2D"].append(np.moveaxis(slices, 0, 2))
    of_seeds["3D"].append(np.argmax(in_3d(scaled)[0], axis=-1))
print(f"parameters: 2D {in_2d.count_params():,}, 3D {in_3d.count_params():,}")

# %% [markdown] lang="en"
# How sure is a Dice coefficient? Voxels are no independent trials: neighbours are alike. So the slab is cut into blocks
# of 12 × 12 columns, each kept together with its mirror image, which is the same tissue once more; and blocks are drawn
# again and again (bootstrap). For both networks the same blocks are drawn, which gives the difference an interval of
# its own. It speaks for this brain and these three trainings. (And layers, normalisation, steps and learning rate were
# chosen, alike for both, with a look at this slab: the Dice coefficients may flatter.)

# %% [markdown] lang="zh"
# Dice 系数有多可靠？体素不是独立的试验：相邻的体素彼此相似。所以把测试部分切成 12 × 12 的柱块，每块与它的镜像合成一组，
# 因为镜像只是同样的组织又出现一次；再反复地有放回抽取（自助法）。两个网络抽的是同样的柱块，这样它们的差也有自己的区间。
# 这个区间只针对这一个大脑和这三次训练。（层数、归一化、步数和学习率对两个网络都一样，但选定之前看过这部分数据的结果，所
# 以 Dice 系数可能偏高。）


# %%
def block_counts(predicted, side=12):
    """For each block with its mirror image, and each tissue: 2 · |A ∩ B| and |A| + |B|."""
    rows = []
    away = np.abs(np.arange(predicted.shape[0]) - (predicted.shape[0] - 1) / 2)  # from the middle
    for ring in range(int(away.max()) // side + 1):
        columns = away // side == ring
        for k in range(0, predicted.shape[2], side):
            truth, found = (part[columns, :, k : k + side] for part in (middle.labels, predicted))
            pairs = [((truth == tissue), (found == tissue)) for tissue in (1, 2)]
            rows.append([[2 * np.sum(a & b), np.sum(a) + np.sum(b)] for a, b in pairs])
    return np.array(rows)


def resampled(volumes):
    """Dice, mean of both tissues and of the seeds, for each resample of the blocks."""
    counts = np.stack([block_counts(volume) for volume in volumes])
    drawn = np.random.default_rng(0).integers(counts.shape[1], size=(2000, counts.shape[1]))
    sums = counts[:, drawn].sum(axis=2)
    return (sums[..., 0] / sums[..., 1]).mean(axis=(0, 2))


# %%
tried = {"brightness": [predictions["brightness"]], **of_seeds}
samples = {name: resampled(volumes) for name, volumes in tried.items()}
means = {name: np.mean([dice(volume) for volume in tried[name]], axis=0) for name in tried}
for name, (grey, white) in means.items():
    low, high = np.quantile(samples[name], [0.025, 0.975])
    print(f"{name:10} grey {grey:.3f}, white {white:.3f}, mean {(grey + white) / 2:.3f}", end=" ")
    print(f"[{low:.3f}, {high:.3f}]")
gain = samples["3D"] - samples["2D"]
by_seed = [
    dice(deep).mean() - dice(flat).mean() for flat, deep in zip(*of_seeds.values(), strict=True)
]
print("3D - 2D, seed by seed:", [round(float(difference), 3) for difference in by_seed])
print(
    f"3D - 2D: {gain.mean():+.3f} [{np.quantile(gain, 0.025):+.3f}, {np.quantile(gain, 0.975):+.3f}]"
)
assert np.quantile(gain, 0.025) > 0
assert means["2D"].min() > means["brightness"].max()

# %%
predictions |= {name: volumes[0] for name, volumes in of_seeds.items()}
_, ax = plt.subplots(figsize=(10, 10.4))
plots.plot_slices(
    noisy_middle,
    labels=middle.labels,
    predictions=predictions,
    axis=1,
    positions=(4, 12, 20),
    voxel_size=brain.voxel_size,
    ax=ax,
)
plt.show()

# %% [markdown] lang="en"
# (The 2D network saw horizontal slices: one row of each picture.) Context is worth a great deal: both networks look at
# the neighbours of a voxel, and the mean Dice rises from 0.74 to 0.87; what stays wrong lies mostly where two tissues
# meet and in the deep grey matter. The third axis adds 0.017 in Dice, and the interval excludes 0. A likely reason:
# each filter sees nine voxels above and nine below as well, so there is more to average the noise over. **What this
# cannot show** is how either network does on a person. It is one brain, a mean of many, with artificial noise; it was
# tested on another part of the *same* brain.
#
# ## 7 · Time: an axis, or channels?
#
# A video has three axes too: time, height, width. Must its convolution be 3D? One can also stack the frames as **channels** of
# a 2D convolution. A test in which single frames say nothing: a view drifts over a photo, to the left or to the
# right, during the *first half* of a clip, and then stands still. Half of the photos are for training, the others for
# the test.

# %% [markdown] lang="zh"
# （2D 网络看到的是水平切片，在每幅图里只是一行。）上下文很有用：两个网络都看体素的邻居，平均 Dice 系数从 0.74 升到 0.87；
# 剩下的错误大多在两种组织的交界处和深部灰质里。第三个轴又提高了 0.017，区间不含 0。可能的原因是：每个滤波器还能看到上面
# 九个、下面九个体素，可以用来平均掉噪声的数据更多。**这里显示不出的**，是网络在真人身上的效果。这只是一个大脑，而且是许
# 多人的平均，噪声是人为加的；测试用的是*同一个*大脑的另一部分。
#
# ## 7 · 时间：当作轴，还是当作通道？
#
# 视频也有三个轴：时间、高、宽。它一定要用 3D 卷积吗？也可以把各帧叠成 2D 卷积的**通道**。设计一个单看一帧毫无线索的测
# 试：取景框在照片上向左或向右移动，只在片段的*前半段*移动，然后静止。一半照片用来训练，另一半用来测试。

# %%
FRAMES, SIZE, MOVING = 8, 20, 3  # the view moves between frames 0 and 3, or later
photos = data.load_photos(max_side=160)
grey_photos = [photos[name].mean(axis=2) / 255 for name in sorted(photos)]


def make_clips(photos, number, start, generator):
    """Clips (number, frames, height, width, 1) whose view drifts from frame `start` on."""
    clips = np.empty((number, FRAMES, SIZE, SIZE, 1), dtype="float32")
    to_the_right = generator.integers(2, size=number)
    for clip, direction in zip(clips, 2 * to_the_right - 1, strict=True):
        photo = photos[generator.integers(len(photos))]
        top = generator.integers(photo.shape[0] - SIZE + 1)
        left = generator.integers(2 * MOVING, photo.shape[1] - SIZE - 2 * MOVING + 1)
        for frame in range(FRAMES):
            shift = left + 2 * direction * int(np.clip(frame - start, 0, MOVING))
            clip[frame, ..., 0] = photo[top : top + SIZE, shift : shift + SIZE]
        clip -= clip.mean()
        clip /= clip.std() + 0.05
    return clips, to_the_right


def build_clip_network(kind):
    """One convolution of 16 filters, the mean over all positions, one answer."""
    clips = keras.Input((FRAMES, SIZE, SIZE, 1))
    if kind == "time as channels":
        frames_last = keras.layers.Permute((2, 3, 1, 4))(clips)
        images = keras.layers.Reshape((SIZE, SIZE, FRAMES))(frames_last)
        features = keras.layers.Conv2D(16, (3, 5), activation="relu")(images)
        features = keras.layers.GlobalAveragePooling2D()(features)
    else:
        kernel = (1, 3, 5) if kind == "frame by frame" else (3, 3, 5)
        features = keras.layers.Conv3D(16, kernel, activation="relu")(clips)
        features = keras.layers.GlobalAveragePooling3D()(features)
    return keras.Model(clips, keras.layers.Dense(1, activation="sigmoid")(features))


# %%
clip_networks = {}
for kind in ("frame by frame", "time as channels", "time as an axis (3D)"):
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    network = build_clip_network(kind)
    network.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", jit_compile=False)
    for _ in range(CLIP_STEPS):
        network.train_on_batch(*make_clips(grey_photos[::2], 64, 0, generator))
    clip_networks[kind] = network
right = {}
for kind, network in clip_networks.items():
    for when, start in (("early", 0), ("late", FRAMES - 1 - MOVING)):
        clips, direction = make_clips(grey_photos[1::2], 1000, start, np.random.default_rng(1))
        right[kind, when] = float(np.mean((network(clips).numpy()[:, 0] > 0.5) == direction))
    print(f"{kind:20} {network.count_params():5,} parameters", end=", ")
    print(f"moving early {right[kind, 'early']:.1%}, moving late {right[kind, 'late']:.1%}")

# %%
assert abs(right["frame by frame", "early"] - 0.5) < 0.05
assert min(right["time as an axis (3D)", when] for when in ("early", "late")) > 0.95
assert right["time as channels", "early"] > 0.95 > 0.9 > right["time as channels", "late"]

# %% [markdown] lang="en"
# Frame by frame is chance (50 %), as it must be. With time as channels or as an axis, nearly all are right, until the
# same motion happens **later**: then channels fall to 66 %. They have weights of their own for each frame, and in
# training nothing ever moved in the later ones; they would have to be shown every moment. The 3D filter *moves along
# time* and stays at 99 %, with fewer parameters. (One training each, 1,000 clips of eight photos: good for a gap as
# wide as this one.) That is what an axis of convolution means: **the same thing may happen anywhere along it.**
#
# ## 8 · When to use which
#
# What does an axis cost? The networks of sections 6 and 7, multiplications counted, seconds measured:

# %% [markdown] lang="zh"
# 逐帧看只有随机水平（50 %），理应如此。时间无论当作通道还是当作轴，都几乎全对；但同样的运动**晚一些**发生，当作通道就
# 跌到 66 %。这时每一帧都有自己的权重，而训练时后面几帧里从来没有东西移动过；要学会，就得把每个时刻都给它看一遍。3D 滤
# 波器*沿时间移动*，仍有 99 %，参数还更少。（各训练一次，1,000 个片段取自八张照片：差距这么大，足以看出来。）卷积的一
# 个轴，意思就是：**同样的事情可以发生在这个轴上的任何地方。**
#
# ## 8 · 什么时候用哪一种
#
# 多一个轴要付出什么？第 6、7 节的网络，数一数乘法，量一量时间：


# %%
def multiplications(model):
    """Of one pass of one example through all convolutions."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, LAYERS):
            shape = [side or 24 for side in layer.input.shape[1:]]  # 24: the crops' side
            sizes = layer.kernel.shape[:-2], layer.filters
            total += shapes.conv_multiply_count(shape, *sizes, padding=layer.padding)
    return total


cubes = crops(np.random.default_rng(0), number=8)[0].astype("float32")
clips, _ = make_clips(grey_photos, 64, 0, np.random.default_rng(0))
compared = {
    "2D segmenter, 24 slices": (in_2d, as_slices(cubes), 24 * multiplications(in_2d)),
    "3D segmenter, one cube": (in_3d, cubes, multiplications(in_3d)),
    **{kind: (net, clips, multiplications(net)) for kind, net in clip_networks.items()},
}
for name, (_, _, number) in compared.items():
    print(f"{name:25} {number / 1e6:8.2f} million multiplications an example")

# %% tags=["nbval-ignore-output"]
turns = {name: [] for name in compared}
for turn in range(7):
    for name, (model, inputs, _) in compared.items():
        started = time.perf_counter()
        model(inputs)
        if turn > 1:  # the first two warm up
            turns[name].append(time.perf_counter() - started)
took = {name: float(np.median(seconds)) for name, seconds in turns.items()}
one, three = "2D segmenter, 24 slices", "3D segmenter, one cube"
print(f"segmenters, 3D over 2D: {took[three] / took[one]:.2f} times the time")
one, three = "time as channels", "time as an axis (3D)"
print(f"clips, axis over channels: {took[three] / took[one]:.1f} times the time")

# %%
counts = {name: number for name, (_, _, number) in compared.items()}
assert abs(counts["3D segmenter, one cube"] / counts["2D segmenter, 24 slices"] - 1) < 0.05
assert counts["time as an axis (3D)"] > 2 * counts["time as channels"]

# %% [markdown] lang="en"
# **The last surprise:** at equal parameters the 3D segmenter multiplies no more than the 2D one. In a network without
# pooling each weight is used once at each voxel; so there are as many multiplications as weights times voxels, whatever
# the number of axes. On our two cores it takes about as long, too. 3D costs more only if one keeps the number of
# *filters* (three times the weights), or lets the filter move along an axis that channels would have summed over: time
# as an axis took 2.25 times the multiplications of time as channels. (And all of the volume's activations must fit into
# memory at once.)
#
# | the data | convolution | because |
# |---|---|---|
# | one value at a time: ECG, sound, a share's price | 1D, 1 channel | a pattern may come at any time |
# | several sensors at a time | 1D, a channel for each | sensors have no order: nothing moves from one to the next |
# | photo | 2D, 3 channels | a thing may be anywhere in the image; colours have no order |
# | CT, MRI | 3D | a structure may be anywhere in the volume, and goes on from slice to slice |
# | the same, with slices far apart or little memory | 2D, neighbouring slices as channels | the third axis is too coarse to move along |
# | video in which something may happen at any time | 3D | the same motion may begin at any moment |
# | a few frames with fixed roles | 2D, time as channels | cheaper, and the place in time means something |
#
# ## 9 · Exercises
#
# **Exercise 1.** The output shape of a 3D convolution without padding. `input_shape` has three sizes and the channels,
# the filters are cubes of side `kernel_size` and move by `stride`. (A quiz favourite: 32 × 32 × 32 × 16 with 32 filters
# of 3³. Where does the 16 go?)

# %% [markdown] lang="zh"
# **最后一个意外：** 参数一样多时，3D 分割网络的乘法并不比 2D 的多。网络里没有池化，每个权重在每个体素上用一次；所以乘
# 法次数等于权重的个数乘以体素的个数，几维都一样。在我们的双核 CPU 上，所用的时间也差不多。3D 只在两种情况下更贵：*滤
# 波器*的个数保持不变（权重变成三倍），或者让滤波器沿着本来可以当作通道求和的轴移动：时间当作轴，乘法是当作通道的 2.25
# 倍。（另外，整个三维图像的激活要同时放进内存。）
#
# | 数据 | 卷积 | 理由 |
# |---|---|---|
# | 每个时刻一个数：心电图、声音、股价 | 1D，1 个通道 | 同样的形状可能出现在任何时刻 |
# | 每个时刻几个传感器 | 1D，每个传感器一个通道 | 传感器之间没有次序，没有什么从一个移到下一个 |
# | 照片 | 2D，3 个通道 | 东西可以在图像的任何地方；颜色没有次序 |
# | CT、MRI | 3D | 结构可以在三维图像的任何地方，而且从一个切片延续到下一个 |
# | 同上，但切片之间相隔很远，或者内存很小 | 2D，相邻的切片当作通道 | 第三个轴太粗，没法沿着它移动 |
# | 动作随时可能发生的视频 | 3D | 同样的动作可以从任何时刻开始 |
# | 少数几帧，各有固定的角色 | 2D，时间当作通道 | 更便宜，而且时间上的位置本身有意义 |
#
# ## 9 · 练习
#
# **练习 1：** 无填充的 3D 卷积的输出形状。`input_shape` 是三个边长和通道数，滤波器是边长为 `kernel_size` 的立方体，每
# 次移动 `stride`。（常见考题：32 × 32 × 32 × 16，用 32 个 3³ 的滤波器。16 去了哪里？）


# %% tags=["exercise"]
def my_conv3d_shape(input_shape, kernel_size, num_filters, stride):
    return ...  # four numbers


exercises.check_conv3d_shape(my_conv3d_shape)


# %% tags=["solution"]
# @title Solution
def solution_conv3d_shape(input_shape, kernel_size, num_filters, stride):
    *sizes, _ = input_shape  # the 16 is summed over, as every filter is as deep as the input
    return (*((size - kernel_size) // stride + 1 for size in sizes), num_filters)


exercises.check_conv3d_shape(solution_conv3d_shape)

# %% [markdown] lang="en"
# **Exercise 2.** How many numbers does a convolution learn, biases included? `kernel_sizes` has one to three sizes. (Does the
# size of the input matter?)

# %% [markdown] lang="zh"
# **练习 2：** 一个卷积层要学多少个数？包括偏置。`kernel_sizes` 有一到三个边长。（和输入的大小有关系吗？）


# %% tags=["exercise"]
def my_conv_parameters(kernel_sizes, num_channels, num_filters):
    return ...  # a number


exercises.check_conv_parameters(my_conv_parameters)


# %% tags=["solution"]
# @title Solution
def solution_conv_parameters(kernel_sizes, num_channels, num_filters):
    # the size of the input is not among the arguments: the same weights serve everywhere
    return (np.prod(kernel_sizes) * num_channels + 1) * num_filters


exercises.check_conv_parameters(solution_conv_parameters)

# %% [markdown] lang="en"
# **Exercise 3.** Conv1D itself, with NumPy: `signal` has shape `(steps, channels)`, `filters` has shape
# `(width, channels, num_filters)`; no padding, no bias. (Mind the direction: what deep learning calls convolution does
# not turn the filter round, `np.convolve` does.)

# %% [markdown] lang="zh"
# **练习 3：** 用 NumPy 写出 Conv1D：`signal` 的形状为 `(steps, channels)`，`filters` 的形状为
# `(width, channels, num_filters)`；无填充，无偏置。（注意方向：深度学习所说的卷积并不翻转滤波器，`np.convolve` 会翻
# 转。）


# %% tags=["exercise"]
def my_convolve_1d(signal, filters):
    return ...  # shape (steps - width + 1, num_filters)


exercises.check_convolve_1d(my_convolve_1d)


# %% tags=["solution"]
# @title Solution
def solution_convolve_1d(signal, filters):
    width = len(filters)
    windows = [signal[start : start + width] for start in range(len(signal) - width + 1)]
    return np.tensordot(windows, filters, axes=2)


exercises.check_convolve_1d(solution_convolve_1d)

# %% [markdown] lang="en"
# **Exercise 4.** An alarm must not look into the future. Filter a signal of shape `(steps,)` with a kernel of shape
# `(width,)` so that output $t$ depends on inputs up to $t$ only, and is as long as the signal; what lies before the start
# counts as 0. (Which of the filters of section 4 could be used in a live alarm, and how late would it be?)

# %% [markdown] lang="zh"
# **练习 4：** 报警器不能看未来。用形状为 `(width,)` 的卷积核对形状为 `(steps,)` 的信号滤波，使输出 $t$ 只依赖于 $t$
# 及以前的输入，并且与信号一样长；开头以前的部分算作 0。（第 4 节的滤波器，哪一个能用在实时报警器里？会晚多少？）


# %% tags=["exercise"]
def my_causal(signal, kernel):
    return ...  # as long as the signal


exercises.check_causal(my_causal)


# %% tags=["solution"]
# @title Solution
def solution_causal(signal, kernel):
    # any filter, if one waits for its right half: 22 samples (61 ms) by hand, 30 (83 ms) learned
    padded = np.concatenate([np.zeros(len(kernel) - 1), signal])
    return np.correlate(padded, kernel, "valid")


exercises.check_causal(solution_causal)

# %% [markdown] lang="en"
# ## Summary
#
# - **One rule for all axes:** along each, ⌊(n + m − span) / s⌋ + 1 positions; the channels are summed over, and each
#   filter makes one.
# - **One filter** finds heartbeats in noise, and what it learns is the shape of a beat.
# - **A perfect score** on forty recordings means little where twelve numbers reach nearly the same; in a symmetric
#   brain the other half is no test; on a clean mean brain brightness suffices.
# - **In noise** a 3D network beats a 2D one of equal size: what is beside a slice helps.
# - **An axis of convolution says: it may happen anywhere along it.** If not, channels are cheaper.
#
# **References.** Moody, Mark, "The impact of the MIT-BIH Arrhythmia Database", IEEE Engineering in Medicine and Biology
# 20(3), 2001 · Wang, Yan, Oates, "Time series classification from scratch with deep neural networks", IJCNN 2017 ·
# Fonov et al., "Unbiased average age-appropriate atlases for pediatric studies", NeuroImage 54(1), 2011 · Çiçek et al.,
# "3D U-Net", MICCAI 2016 · Tran et al., "Learning spatiotemporal features with 3D convolutional networks", ICCV 2015 ·
# Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", 2016.
#
# **Next:** your own pictures and signals, with the package or the command `course`. This was the last notebook.
# Convolutions have turned photos, paintings and voltages into numbers, and what counted was the question put to the
# numbers: *how far apart?* for faces (01 to 05), *which of them together?* for paintings (06 to 08), *what is here?*
# for a heart, an arm and a brain. And each time a baseline, a control or an interval told how much of the answer to
# believe. What will you ask? **Back:** [08 · The cost function](08_style_cost.ipynb), or to the beginning,
# [01 · Face verification and recognition](01_verification.ipynb).

# %% [markdown] lang="zh"
# ## 小结
#
# - **不论几个轴，同一条规则：** 沿每个轴有 ⌊(n + m − 跨度) / s⌋ + 1 个位置；通道相加之后就没有了，每个滤波器产生一个
#   新通道。
# - **一个滤波器**就能在噪声中找出心跳，它学到的正是心跳的形状。
# - **满分**未必说明什么：四十个记录全对，而十二个数也差不多；大脑左右对称，另一半算不上测试；在干净的平均大脑上，只看
#   亮度就够了。
# - **有噪声时**，同样大小的 3D 网络胜过 2D 网络：上下相邻的切片有帮助。
# - **卷积的一个轴意味着：事情可以发生在轴上的任何地方。** 如果不是这样，当作通道更便宜。
#
# **参考文献：** Moody、Mark，“The impact of the MIT-BIH Arrhythmia Database”，IEEE Engineering in Medicine and
# Biology 20(3)，2001 · Wang、Yan、Oates，“Time series classification from scratch with deep neural networks”，IJCNN
# 2017 · Fonov 等，“Unbiased average age-appropriate atlases for pediatric studies”，NeuroImage 54(1)，2011 · Çiçek
# 等，“3D U-Net”，MICCAI 2016 · Tran 等，“Learning spatiotemporal features with 3D convolutional networks”，ICCV
# 2015 · Dumoulin、Visin，“A guide to convolution arithmetic for deep learning”，2016。
#
# **下一课：** 你自己的图像和信号，用这个软件包或 `course` 命令来处理。课程到此结束：卷积把照片、绘画和电压都变成了
# 数，关键在于向这些数提什么问题：对人脸问*相距多远*（第 01 至 05 课），对绘画问*哪些一起激活*（第 06 至 08 课），对心
# 跳、手臂和大脑问*这里有什么*。每一次都有基线、对照或区间告诉我们，答案有几分可信。你想问什么？**上一课：**
# [08 · 代价函数](08_style_cost.ipynb)；或者回到开头：[01 · 人脸验证与人脸识别](01_verification.ipynb)。
