//! Trees on ranks against counting and walking one by one, on every instruction set.

use bot4_simd::{Cuts, Element, Isa, Kernels, Program, Splits};

struct Ranks<'a, T>(&'a Cuts<T>, &'a [T], &'a mut [u8]);

impl<T: Element> Program for Ranks<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        k.ranks(self.0, self.1, self.2);
    }
}

struct Sum<'a, T>(&'a [Splits], &'a [[T; 64]], &'a [u8]);

impl<T: Element> Program for Sum<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run<K: Kernels>(self, k: K) -> T {
        k.leaf_sum(self.0, self.1, self.2)
    }
}

/// Numbers without order.
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

fn ranks_count<T: Element>() {
    for isa in Isa::available() {
        for len in (0..40).chain([47, 48, 49, 127, 128, 129, 239, 240, 241, 254, 255]) {
            let rising: Vec<T> = (0..len).map(|i| T::from_f64(f64::from(i) * 0.5 - 10.0)).collect();
            let special = [f64::NEG_INFINITY, f64::INFINITY, f64::NAN, -0.0, -1e30, 1e30].map(T::from_f64);
            let between = (-2..2 * len + 4).map(|i| T::from_f64(f64::from(i) * 0.25 - 10.0));
            let x: Vec<T> = special.into_iter().chain(between).collect();
            let cuts = Cuts::new(vec![rising.as_slice(); x.len()]);
            let mut ranks = vec![0xaa; x.len()];
            isa.run(Ranks(&cuts, &x, &mut ranks));
            for (x, rank) in x.iter().zip(ranks) {
                let below = rising.iter().filter(|cut| *cut < x).count();
                assert_eq!(usize::from(rank), below, "{isa}: {x} in {len} cuts");
            }
        }
    }
}

#[test]
fn a_rank_is_how_many_cuts_lie_below() {
    ranks_count::<f64>();
    ranks_count::<f32>();
}

/// Trees from nothing on, on both sides of what is followed and decided at once, with every number of rows of ranks.
fn sums_are_of_the_leaves<T: Element>() {
    let mut state = 1;
    for isa in Isa::available() {
        for (count, inputs) in (0..20).chain([63, 64, 65, 100, 130]).zip((1_usize..=128).step_by(13).cycle())
        {
            let mut ranks: Vec<u8> = (0..inputs).map(|_| random(&mut state) as u8).collect();
            ranks.resize(inputs.next_multiple_of(16), 0xaa);
            let mut splits = vec![Splits::new(); count];
            let mut leaves = vec![[T::ZERO; 64]; count];
            let mut want = 0;
            for (splits, leaves) in splits.iter_mut().zip(&mut leaves) {
                let asked = [(); 64].map(|()| (random(&mut state) % inputs, random(&mut state) % 255));
                let values = [(); 64].map(|()| random(&mut state) % 1_000); // their sums are exact
                *leaves = values.map(|value| T::from_f64(value as f64));
                for (node, (input, cut)) in asked.into_iter().enumerate().skip(1) {
                    splits.set(node, input, cut);
                }
                let mut at = 1;
                while at < 64 {
                    let (input, cut) = asked[at];
                    at = 2 * at + usize::from(usize::from(ranks[input]) > cut);
                }
                want += values[at - 64];
            }
            let sum = isa.run(Sum(&splits, &leaves, &ranks));
            assert_eq!(sum, T::from_f64(want as f64), "{isa}: {count} trees of {inputs} inputs");
        }
    }
}

#[test]
fn every_tree_adds_the_leaf_it_leads_to() {
    sums_are_of_the_leaves::<f64>();
    sums_are_of_the_leaves::<f32>();
}

#[test]
fn a_new_tree_leads_right_and_ranks_of_no_input_are_fine() {
    let leaves = std::array::from_fn(|leaf| leaf as f64);
    for isa in Isa::available() {
        assert_eq!(isa.run(Sum(&[Splits::new()], &[leaves], &[])), 63.0, "{isa}");
    }
}

#[test]
#[should_panic(expected = "cuts have to rise")]
fn cuts_that_do_not_rise_panic() {
    let _ = Cuts::new([&[0.0, -0.0][..]]);
}

#[test]
#[should_panic(expected = "256 cuts, at most 255 fit")]
fn more_cuts_than_a_byte_counts_panic() {
    let rising: Vec<f64> = (0..256).map(f64::from).collect();
    let _ = Cuts::new([rising.as_slice()]);
}

#[test]
#[should_panic(expected = "24 ranks are no rows of 16")]
fn ranks_that_are_not_padded_panic() {
    bot4_simd::leaf_sum::<f64>(&[], &[], &[0; 24]);
}

#[test]
#[should_panic(expected = "lengths differ: 1 and 2")]
fn a_tree_without_leaves_panics() {
    bot4_simd::leaf_sum(&[Splits::new()], &[[0.0; 64]; 2], &[0; 16]);
}

#[test]
#[should_panic(expected = "no node 64")]
fn a_node_that_is_a_leaf_panics() {
    Splits::new().set(64, 0, 0);
}
