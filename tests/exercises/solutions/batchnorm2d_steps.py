"""Every operation of forward, undone one by one."""


def flat(x):
    """(c, m): a row for each channel."""
    return x.transpose(1, 0, 2, 3).reshape(x.shape[1], -1)


def back(rows, shape):
    n, c, h, w = shape
    return rows.reshape(c, n, h, w).transpose(1, 0, 2, 3)


def forward(x, weight, bias, running_mean, running_var, eps, momentum, training):
    rows = flat(x)
    m = rows.shape[1]
    if training:
        mean = rows.sum(1) / m
        var = ((rows - mean[:, None]) ** 2).sum(1) / m
        new_mean = (1 - momentum) * running_mean + momentum * mean
        new_var = (1 - momentum) * running_var + momentum * var * m / (m - 1)
    else:
        mean, var, new_mean, new_var = running_mean, running_var, running_mean, running_var
    xhat = (rows - mean[:, None]) * (var[:, None] + eps) ** -0.5
    return back(weight[:, None] * xhat + bias[:, None], x.shape), new_mean, new_var


def backward(dy, x, weight, running_mean, running_var, eps, training):
    rows, drows = flat(x), flat(dy)
    m = rows.shape[1]
    mean, var = (rows.mean(1), rows.var(1)) if training else (running_mean, running_var)
    centred = rows - mean[:, None]
    scale = (var[:, None] + eps) ** -0.5
    dbias = drows.sum(1)
    dweight = (drows * centred * scale).sum(1)
    dxhat = drows * weight[:, None]
    dcentred = dxhat * scale
    if training:
        dscale = (dxhat * centred).sum(1, keepdims=True)
        dvar = dscale * -0.5 * scale**3
        dcentred = dcentred + dvar * 2 * centred / m
        dmean = -dcentred.sum(1, keepdims=True)
        dcentred = dcentred + dmean / m
    return back(dcentred, x.shape), dweight, dbias
