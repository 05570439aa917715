//! The rules of the ring, and of handles that end.
use super::*;
use crate::wait::Wait;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

fn push(writer: &mut Writer<u64>, value: u64) -> Result<(), PublishError> {
    writer.publish(|item| *item = value)
}

fn all(reader: &mut Reader<u64>) -> Vec<u64> {
    let mut read = Vec::new();
    while reader.read(usize::MAX, |items| read.extend_from_slice(items)).is_ok() {}
    read
}

#[test]
fn every_reader_sees_every_item_in_order() {
    let (mut writer, mut readers) = graph(8, || 0, [&[], &[], &[0, 1]]);
    for value in 0..8 {
        push(&mut writer, value).unwrap();
    }
    for reader in &mut readers {
        assert_eq!(all(reader), (0..8).collect::<Vec<_>>());
    }
}

#[test]
fn slowest_reader_holds_up_the_writer() {
    let (mut writer, [mut fast, mut slow]) = graph(3, || 0, [&[], &[]]);
    (0..3).for_each(|value| push(&mut writer, value).unwrap());
    assert_eq!(fast.read(2, <[u64]>::len), Ok(2));
    assert_eq!(push(&mut writer, 3), Err(PublishError::Full));
    assert_eq!(slow.read(1, |items| items[0]), Ok(0));
    assert_eq!((push(&mut writer, 3), push(&mut writer, 4)), (Ok(()), Err(PublishError::Full)));
    assert_eq!((all(&mut fast), all(&mut slow)), (vec![2, 3], vec![1, 2, 3]));
}

#[test]
fn reader_sees_only_what_those_before_it_have_finished_with() {
    let (mut writer, [mut first, mut second, mut third]) = graph(8, || 0, [&[], &[], &[0, 1]]);
    (0..4).for_each(|value| push(&mut writer, value).unwrap());
    first.read(3, |_| ()).unwrap();
    assert_eq!(third.read(9, |_| ()), Err(ReadError::Empty));
    second.read(1, |_| ()).unwrap();
    assert_eq!(third.read(9, <[u64]>::to_vec), Ok(vec![0]));
    second.read(3, |_| ()).unwrap();
    assert_eq!(third.read(9, <[u64]>::to_vec), Ok(vec![1, 2]));
}

#[test]
fn batch_ends_at_the_end_of_the_ring() {
    let (mut writer, [mut reader]) = graph(4, || 0, [&[]]);
    let fill = |items: &mut [u64]| items.len();
    assert_eq!(writer.publish_batch(3, fill), Ok(3));
    assert_eq!(reader.read(9, <[u64]>::len), Ok(3));
    assert_eq!(writer.publish_batch(4, fill), Ok(1), "one item before the end");
    assert_eq!(writer.publish_batch(4, fill), Ok(3));
    assert_eq!(writer.publish_batch(4, fill), Err(PublishError::Full));
    assert_eq!((reader.read(9, <[u64]>::len), reader.read(9, <[u64]>::len)), (Ok(1), Ok(3)));
}

#[test]
fn capacity_that_is_no_power_of_two_is_kept() {
    let (mut writer, [mut reader]) = graph(5, || 0, [&[]]);
    for lap in 0..20 {
        (0..5).for_each(|value| push(&mut writer, 5 * lap + value).unwrap());
        assert_eq!((push(&mut writer, 0), writer.vacant()), (Err(PublishError::Full), 0));
        assert_eq!(all(&mut reader), (5 * lap..5 * lap + 5).collect::<Vec<_>>());
    }
}

#[test]
fn batches_and_single_items_are_followed_lap_after_lap() {
    let (mut writer, [mut reader]) = graph(16, || 0, [&[]]);
    let mut next = 0;
    for length in (0..=16).cycle().take(200) {
        let published = writer.publish_batch(length, |items| {
            items.iter_mut().zip(next..).for_each(|(item, value)| *item = value);
            items.len()
        });
        let end = next + published.unwrap() as u64;
        let singles =
            (end..).take_while(|&value| value % 3 != 0 && push(&mut writer, value).is_ok()).count() as u64;
        assert_eq!(all(&mut reader), (next..end + singles).collect::<Vec<_>>());
        next = end + singles;
    }
}

#[test]
fn what_is_not_returned_is_not_published() {
    let (mut writer, [mut reader]) = graph(8, || 0, [&[]]);
    assert_eq!(writer.publish_batch(8, |items| items.len().min(2)), Ok(2));
    assert_eq!(writer.publish_batch(8, |_| 0), Ok(0));
    assert_eq!((writer.published(), all(&mut reader).len()), (2, 2));
    assert!(catch_unwind(AssertUnwindSafe(|| writer.publish_batch(2, |_| 3))).is_err());
    assert_eq!(writer.published(), 2);
}

#[test]
fn dropped_writer_closes_every_reader_after_its_last_item() {
    let (mut writer, [mut first, mut second]) = graph(4, || 0, [&[], &[0]]);
    push(&mut writer, 7).unwrap();
    drop(writer);
    assert_eq!(second.read(1, |_| ()), Err(ReadError::Empty), "the first reader has it still");
    assert_eq!(first.read(1, |_| ()), Ok(()));
    assert_eq!(first.read(1, |_| ()), Err(ReadError::Closed));
    assert_eq!(second.read_wait(1, Wait::Spin, |items| items[0]), Some(7));
    assert_eq!(second.read_wait(1, Wait::Spin, |items| items[0]), None);
}

#[test]
fn dropped_reader_holds_nobody_up() {
    let (mut writer, [mut stays, leaves]) = graph(2, || 0, [&[], &[]]);
    (0..2).for_each(|value| push(&mut writer, value).unwrap());
    assert_eq!(all(&mut stays), [0, 1]);
    assert_eq!(push(&mut writer, 2), Err(PublishError::Full));
    drop(leaves);
    assert_eq!(push(&mut writer, 2), Ok(()));
    drop(stays);
    assert_eq!(push(&mut writer, 3), Ok(()), "there is room, and nobody looks");
    assert_eq!(push(&mut writer, 4), Err(PublishError::Closed));
}

#[test]
fn reader_in_the_middle_counts_when_the_last_one_is_gone() {
    let (mut writer, [mut first, mut second]) = graph(2, || 0, [&[], &[0]]);
    (0..2).for_each(|value| push(&mut writer, value).unwrap());
    first.read(1, |_| ()).unwrap();
    second.read(1, |_| ()).unwrap();
    drop(second);
    assert_eq!((push(&mut writer, 2), push(&mut writer, 3)), (Ok(()), Err(PublishError::Full)));
    assert_eq!(all(&mut first), [1, 2]);
}

#[test]
fn readers_after_a_dropped_one_never_see_what_it_did_not() {
    let (mut writer, [mut first, mut second, mut third]) = graph(4, || 0, [&[], &[0], &[0, 1]]);
    (0..3).for_each(|value| push(&mut writer, value).unwrap());
    first.read(2, |_| ()).unwrap();
    drop(first);
    assert_eq!(all(&mut second), [0, 1]);
    assert_eq!(second.read(1, |_| ()), Err(ReadError::Closed));
    assert_eq!(all(&mut third), [0, 1]);
    assert_eq!(third.read(1, |_| ()), Err(ReadError::Closed));
}

#[test]
fn panic_of_a_reader_leaves_its_items_unread() {
    let (mut writer, [mut first, mut second]) = graph(4, || 0, [&[], &[0]]);
    push(&mut writer, 5).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| first.read(1, |_| panic!("of the user")))).is_err());
    assert_eq!(second.read(1, |_| ()), Err(ReadError::Empty));
    assert_eq!(all(&mut first), [5]);
    assert!(catch_unwind(AssertUnwindSafe(|| writer.publish(|_| panic!("of the user")))).is_err());
    assert_eq!((writer.published(), all(&mut first).len()), (1, 0));
}

#[test]
fn stages_change_items_in_turn_and_the_writer_gets_them_back() {
    let (mut writer, [mut double, mut add]) = pipeline(2, || 0);
    for value in 1..50 {
        writer.publish(|item| *item = value).unwrap();
        assert_eq!(add.read(1, |_| ()), Err(ReadError::Empty));
        double.read(1, |items| items[0] *= 2).unwrap();
        add.read(1, |items| items[0] += 1).unwrap();
        if value > 1 {
            writer.publish(|item| assert_eq!(*item, 2 * (value - 1) + 1)).unwrap();
            double.read(1, |_| ()).unwrap();
            add.read(1, |_| ()).unwrap();
            writer.publish(|_| ()).unwrap();
            double.read(1, |_| ()).unwrap();
            add.read(1, |_| ()).unwrap();
        }
    }
}

#[test]
fn items_are_dropped_once_with_the_last_handle() {
    let item = Rc::new(());
    let (writer, [first, second]) = graph(4, || Rc::clone(&item), [&[], &[]]);
    drop((writer, first));
    assert_eq!(Rc::strong_count(&item), 5);
    drop(second);
    assert_eq!(Rc::strong_count(&item), 1);
}

#[test]
#[should_panic(expected = "reader 1 cannot stand after reader 1")]
fn reader_after_itself_panics() {
    let _ = graph(4, || 0, [&[], &[0, 1]]);
}

#[test]
#[should_panic(expected = "at least one reader")]
fn ring_without_readers_panics() {
    let _ = graph(4, || 0, []);
}
