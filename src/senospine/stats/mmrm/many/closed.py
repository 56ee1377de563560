"""The mixed model of many trials in closed form.

Where every covariate interacts with the visit, the covariance is unstructured and nobody returns after a missed
visit, the restricted likelihood is a product over visits of regressions of the outcome on covariates and earlier
outcomes (Anderson 1957, doi 10.2307/2280845): with Sigma^-1 = (I - Phi)' D^-1 (I - Phi) the change from the
coefficients beta to those of the regressions, gamma = (I - Phi) beta, has determinant one, so that integrating beta out
leaves them separate. Hence at visit t, with k covariates and n_t patients,

    Phi_t = least squares given the covariates        D_t = residual sum of squares / (n_t - k)

is the REML estimate, the observed information of (Phi_t, D_t) is block diagonal, R_t / D_t and (n_t - k) / (2 D_t^2),
and beta is found backwards. Degrees of freedom and Kenward-Roger's first-order adjustment do not depend on the
parametrisation, so they are those of :func:`senospine.stats.mmrm.mmrm`; tests hold the two together.
"""

from __future__ import annotations

import numpy as np

from senospine.stats.mmrm.many.results import Array, Integers, Mask, inverse


def closed_form(y: Array, x: Array, idle: Mask, contrast: Array, method: str) -> tuple[Array, Array, Array]:
    """Return estimate, standard error and degrees of freedom of a contrast at the last visit, each (n_trials,).

    Parameters
    ----------
    y : ndarray, shape (n_trials, n_patients, n_visits)
        NaN from the visit on at which a patient was gone.
    x : ndarray, shape (n_trials, n_patients, n_covariates)
    idle : ndarray of bool, shape (n_trials, n_covariates)
        Covariates to leave out.
    contrast : ndarray, shape (n_covariates,)
    method : str
        "satterthwaite", or first-order Kenward-Roger for any other.
    """
    c, seen = contrast, np.isfinite(y)
    x = np.where(seen[..., :1] & ~idle[:, None], x, 0.0)
    spare = np.eye(x.shape[2]) * idle[:, :, None]
    y = np.where(seen, y, 0.0)
    trials, _, visits = y.shape
    k = x.shape[2]
    beta = np.zeros((trials, visits, k))
    spread = np.zeros((trials, visits, visits))  # covariance between visits of the contrast of beta
    mixing = np.zeros((trials, visits, visits))  # Phi
    pieces = []
    first = inverse(x.swapaxes(1, 2) @ x + spare) @ (x.swapaxes(1, 2) @ y[:, :, :1])
    both = np.concatenate([x, np.where(seen, y - x @ first, 0.0)], axis=2)  # less to cancel; added back to beta
    for t in range(visits):
        rows = both[:, :, : k + t + 1] * seen[:, :, t, None]
        gram = rows.swapaxes(1, 2) @ rows
        own = inverse(gram[:, :k, :k] + spare)
        slopes = own @ gram[:, :k, k:]  # of earlier outcomes, and of this one, on the covariates
        rest = gram[:, k:, k:] - gram[:, k:, :k] @ slopes
        r_inverse = inverse(rest[:, :t, :t])
        phi = np.einsum("bsr,br->bs", r_inverse, rest[:, :t, t])
        squares = rest[:, t, t] - np.einsum("bs,bs->b", phi, rest[:, :t, t])
        free = seen[:, :, t].sum(axis=1) - k + idle.sum(axis=1)
        d = np.where(free > t, squares / np.where(free > 0, free, 1), np.nan)
        a = np.einsum("i,bij,j->b", c, own, c)
        at = slopes[:, :, t] - np.einsum("bks,bs->bk", slopes[:, :, :t], phi)
        beta[:, t] = at + np.einsum("bs,bsk->bk", phi, beta[:, :t])
        mixing[:, t, :t] = phi
        before = np.einsum("bs,bsr->br", phi, spread[:, :t, :t])
        spread[:, t, :t] = spread[:, :t, t] = before
        spread[:, t, t] = np.einsum("br,br->b", before, phi) + d * a
        pieces.append((d, a, r_inverse, free))
    return (beta[:, -1] + first[..., 0]) @ c, *_infer(spread, mixing, pieces, method)


def _infer(
    spread: Array, phi: Array, pieces: list[tuple[Array, Array, Array, Integers]], method: str
) -> tuple[Array, Array]:
    """Return error and degrees of freedom: the variance of the estimated variance by its gradient in Phi and D."""
    trials, visits, _ = phi.shape
    whole = np.linalg.inv(np.eye(visits) - phi)  # M: beta = M gamma
    last = whole[:, -1]
    scatter = np.stack([d for d, _, _, _ in pieces], axis=1)
    leverage = np.stack([a for _, a, _, _ in pieces], axis=1)
    variance = spread[:, -1, -1]
    doubt, extra = np.zeros(trials), np.zeros(trials)
    sigma = np.einsum("bij,bj,bkj->bik", whole, scatter, whole)
    for t, (d, a, r_inverse, free) in enumerate(pieces):
        with np.errstate(divide="ignore", invalid="ignore"):
            doubt += (last[:, t] ** 2 * a) ** 2 * 2 * d**2 / np.where(free > 0, free, np.nan)
        slope = 2 * last[:, t, None] * np.einsum("bsr,br,br,br->bs", whole[:, :t], last, scatter, leverage)
        doubt += d * np.einsum("bs,bsu,bu->b", slope, r_inverse, slope)
        gap = sigma[:, :t, :t] * a[:, None, None] - spread[:, :t, :t]
        extra += last[:, t] ** 2 * d * np.einsum("bsu,bsu->b", r_inverse, gap)
    with np.errstate(divide="ignore", invalid="ignore"):
        free_all = 2 * variance**2 / doubt
    return np.sqrt(variance if method == "satterthwaite" else variance + 2 * extra), free_all
