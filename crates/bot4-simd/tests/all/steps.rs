//! Steps of one's own, on every instruction set and length, against the same operations number by number.

use crate::inputs::{assert_same, mixed};
use bot4_simd::{Element, Isa, Kernels, Lanes, Program, Step};

/// Every operation of [`Lanes`] but the functions, which are those of the kernels of their names, and what the last number was.
#[derive(Clone, Debug)]
struct Everything<T> {
    before: T,
}

impl<T: Element> Step<T> for Everything<T> {
    #[inline(always)]
    fn apply<L: Lanes<T>>(&mut self, x: L) -> L {
        let (half, two) = (x.splat(T::from_f64(0.5)), x.splat(T::from_f64(2.0)));
        let change = x - half * x.delayed(&mut self.before);
        let bent = change.if_less(half, change / two, change.mul_add(two, x));
        bent.abs().if_less(two, bent + change, change.clamp(T::from_f64(-3.0), T::from_f64(3.0)))
    }
}

impl<T: Element> Everything<T> {
    /// The same of one number.
    fn by_definition(&mut self, x: T) -> T {
        let (half, two, three) = (T::from_f64(0.5), T::from_f64(2.0), T::from_f64(3.0));
        let change = x - half * self.before;
        self.before = x;
        let bent = if change < half { change / two } else { change.mul_add(two, x) };
        if bent.abs() < two {
            bent + change
        } else if change < -three {
            -three
        } else if change > three {
            three
        } else {
            change
        }
    }
}

struct Map<'a, T, S>(&'a mut [T], S);

impl<T: Element, S: Step<T>> Program for Map<'_, T, S> {
    type Output = ();
    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        k.map(self.0, self.1);
    }
}

fn equals_the_definition<T: Element>() {
    for isa in Isa::available() {
        // Longer than four of the widest registers twice, with every kind of rest.
        for len in 0..=2 * 4 * 16 + 17 {
            for split in [0, len / 3, len] {
                let before = mixed::<T>(len as u64, len);
                let (mut got, mut want) = (before.clone(), before);
                let mut step = Everything { before: T::from_f64(-0.75) };
                let mut definition = step.clone();
                let (first, second) = got.split_at_mut(split);
                isa.run(Map(first, &mut step));
                isa.run(Map(second, &mut step));
                want.iter_mut().for_each(|x| *x = definition.by_definition(*x));
                assert_same(&got, &want, &format!("{len} split at {split} on {isa}"));
                assert_same(&[step.before], &[definition.before], &format!("the state after {len} on {isa}"));
            }
        }
    }
}

#[test]
fn a_step_equals_its_definition_number_by_number() {
    equals_the_definition::<f64>();
    equals_the_definition::<f32>();
}
