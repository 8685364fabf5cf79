/**
 * The line along which values spread farthest.
 *
 * In: a symmetric 3x3 matrix of covariances. Out: { variance, axis }.
 */

const ROUNDS = 12; // of Jacobi's rotations: each squares what is left beside the diagonal

/** The largest eigenvalue and its vector. Source: Jacobi 1846; Golub and Van Loan, 8.5. */
export function largestAxis(matrix) {
  let [a, vectors] = [matrix, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [p, q] of [[0, 1], [0, 2], [1, 2]]) {
      if (a[p][q] === 0) continue;
      const angle = Math.atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2;
      const turn = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
      turn[p][p] = turn[q][q] = Math.cos(angle);
      turn[p][q] = Math.sin(angle);
      turn[q][p] = -turn[p][q];
      a = product(transposed(turn), product(a, turn));
      vectors = product(vectors, turn);
    }
  }
  const variances = a.map((row, i) => row[i]);
  const best = variances.indexOf(Math.max(...variances));
  return { variance: variances[best], axis: vectors.map((row) => row[best]) };
}

const product = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));
const transposed = (a) => a[0].map((_, j) => a.map((row) => row[j]));
