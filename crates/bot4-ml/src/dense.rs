//! Layers whose sizes are part of their type: networks that do not fit together do not compile.

use bot4_pipeline::columns::Number;
use bot4_pool::AlignedVec;
use bot4_simd::{Isa, Kernels, Matrix, Panels, Program};

use crate::activation::Activation;
use crate::mlp::LayerParts;

/// Something that turns `IN` numbers into `OUT`: a [`Dense`] layer, or several by [`Then`].
pub trait Forward<T: Number, const IN: usize, const OUT: usize> {
    /// One row, inside an instruction set. Mark implementations `#[inline(always)]`.
    fn forward<K: Kernels>(&self, k: K, x: &[T; IN], y: &mut [T; OUT]);

    /// One row. Allocates nothing; the instruction set is entered once.
    #[inline]
    fn predict(&self, x: &[T; IN]) -> [T; OUT]
    where
        Self: Sized,
    {
        let mut y = [T::ZERO; OUT];
        Isa::detect().run(Predict { network: self, x, y: &mut y });
        y
    }

    /// This, and then `next` on its outputs.
    fn then<const LAST: usize, B>(self, next: B) -> Then<Self, B, OUT>
    where
        Self: Sized,
        B: Forward<T, OUT, LAST>,
    {
        Then(self, next)
    }
}

struct Predict<'a, F, T, const IN: usize, const OUT: usize> {
    network: &'a F,
    x: &'a [T; IN],
    y: &'a mut [T; OUT],
}

impl<F: Forward<T, IN, OUT>, T: Number, const IN: usize, const OUT: usize> Program
    for Predict<'_, F, T, IN, OUT>
{
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        self.network.forward(k, self.x, self.y);
    }
}

/// A dense layer of `IN` inputs and `OUT` outputs: `y = activation(bias + W x)`.
///
/// The sizes are checked when the program is compiled, and the loops are compiled for them; values between
/// layers live on the stack. The kernels are those of [`Mlp`](crate::Mlp), and so are the bits.
///
/// ```
/// use bot4_ml::{Activation, Dense, Forward};
/// use bot4_simd::Matrix;
///
/// let weights = Matrix::from_rows([[1.0, -1.0], [-1.0, 1.0]]); // a row an output
/// let network = Dense::new(&weights, &[0.0; 2], Activation::Relu)
///     .then(Dense::new(&Matrix::from_rows([[1.0, 1.0]]), &[0.5], Activation::Identity));
/// assert_eq!(network.predict(&[3.0, 5.0]), [2.5]); // |a - b| + 0.5
/// ```
///
/// ```compile_fail
/// use bot4_ml::{Activation, Dense, Forward};
/// use bot4_simd::Matrix;
///
/// let first = Dense::new(&Matrix::<f32, 4, 2>::zeros(), &[0.0; 4], Activation::Relu);
/// first.then(Dense::new(&Matrix::<f32, 1, 3>::zeros(), &[0.0; 1], Activation::Relu)); // takes 3, is given 4
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dense<T: Number, const IN: usize, const OUT: usize> {
    weights: AlignedVec<T>,
    bias: AlignedVec<T>,
    activation: Activation,
}

impl<T: Number, const IN: usize, const OUT: usize> Dense<T, IN, OUT> {
    /// A layer with these weights, a row an output, and biases. Allocates.
    #[must_use]
    pub fn new(weights: &Matrix<T, OUT, IN>, bias: &[T; OUT], activation: Activation) -> Self {
        Self::laid_out(weights.as_slice(), bias, activation)
    }

    /// The layer of a loaded network, if its sizes are these.
    ///
    /// ```
    /// use bot4_ml::{Activation, Dense, Forward, Mlp};
    ///
    /// let loaded = Mlp::<f32>::new(&[4, 8, 1], Activation::Relu, Activation::Sigmoid, 1)?;
    /// let layers: Vec<_> = loaded.layers().collect();
    /// let first = Dense::<f32, 4, 8>::from_parts(&layers[0]).ok_or("not 4 x 8")?;
    /// let network = first.then(Dense::<f32, 8, 1>::from_parts(&layers[1]).ok_or("not 8 x 1")?);
    ///
    /// let (x, mut out) = ([0.1, -0.2, 0.3, 0.4], [0.0]);
    /// loaded.predict(&x, &mut vec![0.0; loaded.scratch_len()], &mut out);
    /// assert_eq!(network.predict(&x), out); // to the bit
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_parts(parts: &LayerParts<T>) -> Option<Self> {
        let fits = parts.inputs == IN && parts.bias.len() == OUT && parts.weights.len() == IN * OUT;
        fits.then(|| Self::laid_out(&parts.weights, &parts.bias, parts.activation))
    }

    fn laid_out(weights: &[T], bias: &[T], activation: Activation) -> Self {
        let layout = Panels::<T>::new(IN, OUT);
        let mut laid_out = AlignedVec::zeroed(layout.len());
        for (j, k) in (0..OUT).flat_map(|j| (0..IN).map(move |k| (j, k))) {
            laid_out[layout.index(k, j)] = weights[j * IN + k];
        }
        let mut padded = AlignedVec::zeroed(layout.padded_outputs());
        padded[..OUT].copy_from_slice(bias);
        Self { weights: laid_out, bias: padded, activation }
    }
}

impl<T: Number, const IN: usize, const OUT: usize> Forward<T, IN, OUT> for Dense<T, IN, OUT> {
    #[inline(always)]
    fn forward<K: Kernels>(&self, k: K, x: &[T; IN], y: &mut [T; OUT]) {
        k.panel_gemv(&self.weights, &self.bias, x, y);
        self.activation.apply(k, y, OUT);
    }
}

/// One network after another, `MID` numbers handed over: see [`Forward::then`].
#[derive(Debug, Clone, PartialEq)]
pub struct Then<A, B, const MID: usize>(A, B);

impl<T, A, B, const IN: usize, const MID: usize, const OUT: usize> Forward<T, IN, OUT> for Then<A, B, MID>
where
    T: Number,
    A: Forward<T, IN, MID>,
    B: Forward<T, MID, OUT>,
{
    #[inline(always)]
    fn forward<K: Kernels>(&self, k: K, x: &[T; IN], y: &mut [T; OUT]) {
        let mut between = [T::ZERO; MID];
        self.0.forward(k, x, &mut between);
        self.1.forward(k, &between, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::Mlp;

    #[test]
    fn the_twins_give_the_same_bits() {
        let loaded = Mlp::<f32>::new(&[32, 64, 64, 3], Activation::Relu, Activation::Softmax, 5).unwrap();
        let layers: Vec<_> = loaded.layers().collect();
        let network = Dense::<f32, 32, 64>::from_parts(&layers[0])
            .unwrap()
            .then(Dense::<f32, 64, 64>::from_parts(&layers[1]).unwrap())
            .then(Dense::<f32, 64, 3>::from_parts(&layers[2]).unwrap());
        let mut scratch = vec![0.0; loaded.scratch_len()];
        for i in 0..50 {
            let x: [f32; 32] = std::array::from_fn(|j| ((i * 32 + j) as f32 * 0.37).sin());
            let mut want = [0.0; 3];
            loaded.predict(&x, &mut scratch, &mut want);
            assert_eq!(network.predict(&x), want);
        }
    }

    #[test]
    fn a_layer_of_other_sizes_is_not_taken() {
        let loaded = Mlp::<f64>::new(&[3, 2], Activation::Relu, Activation::Identity, 5).unwrap();
        let part = loaded.layers().next().unwrap();
        assert!(Dense::<f64, 2, 3>::from_parts(&part).is_none());
        assert!(Dense::<f64, 3, 2>::from_parts(&part).is_some());
    }
}
