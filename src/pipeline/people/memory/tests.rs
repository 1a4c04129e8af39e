use super::*;

const ANA: Whose = (Uuid::from_u128(1), Uuid::from_u128(2));
const BEN: Whose = (Uuid::from_u128(1), Uuid::from_u128(3));
const MINUTE: Duration = Duration::from_secs(60);

fn memory() -> (Memory, Instant) {
    let now = crate::runtime::clock::instant();
    (Memory::new(16, MINUTE), now)
}

fn keep(memory: &Memory, reading: Reading, people: &[Whose], now: Instant) {
    let read: Vec<_> = people
        .iter()
        .map(|whose| (*whose, Arc::new(Recipient::nobody(*whose))))
        .collect();
    memory.keep(reading, read.iter().map(|(whose, one)| (*whose, one)), now);
}

#[test]
fn nothing_is_kept_while_nobody_listens() {
    let (memory, now) = memory();
    let deaf = memory.begin();
    memory.listening();
    keep(&memory, deaf, &[ANA], now);
    assert!(memory.recall::<Recipient>(ANA, now).is_none());
    keep(&memory, memory.begin(), &[ANA], now);
    assert!(memory.recall::<Recipient>(ANA, now).is_some());
    memory.deaf();
    assert!(memory.recall::<Recipient>(ANA, now).is_none());
    memory.listening();
    assert!(
        memory.recall::<Recipient>(ANA, now).is_none(),
        "it may be wrong by now"
    );
}

#[test]
fn a_reading_that_a_notice_overtook_is_not_kept() {
    let (memory, now) = memory();
    memory.listening();
    let reading = memory.begin();
    memory.forget(Subject::Person(ANA));
    keep(&memory, reading, &[ANA, BEN], now);
    assert!(memory.recall::<Recipient>(ANA, now).is_none());
    assert!(memory.recall::<Recipient>(BEN, now).is_some());
    let reading = memory.begin();
    memory.deaf();
    memory.listening();
    keep(&memory, reading, &[ANA], now);
    assert!(memory.recall::<Recipient>(ANA, now).is_none());
}

#[test]
fn who_was_named_since_a_reading_began_is_outdated() {
    let (memory, _) = memory();
    let nobody = Outdated::Only(HashSet::new());
    let deaf = memory.begin();
    assert_eq!(memory.outdated(deaf), Outdated::Anybody);
    memory.listening();
    assert_eq!(
        memory.outdated(deaf),
        Outdated::Anybody,
        "what was committed between that reading and the first notice was not told"
    );
    let reading = memory.begin();
    assert_eq!(memory.outdated(reading), nobody);
    memory.forget(Subject::Person(ANA));
    let outdated = memory.outdated(reading);
    assert!(outdated.includes(&ANA) && !outdated.includes(&BEN));
    let reading = memory.begin();
    memory.forget(Subject::Rules(ANA.0));
    let outdated = memory.outdated(reading);
    assert!(
        outdated.includes(&ANA) && outdated.includes(&BEN),
        "they are of that tenant"
    );
    assert!(!outdated.includes(&(Uuid::from_u128(9), ANA.1)));
    let reading = memory.begin();
    memory.deaf();
    assert_eq!(memory.outdated(reading), Outdated::Anybody);
    memory.listening();
    assert_eq!(memory.outdated(reading), Outdated::Anybody);
}

#[test]
fn a_reading_that_more_notices_overtook_than_are_remembered_is_not_kept() {
    let (memory, now) = memory();
    memory.listening();
    let reading = memory.begin();
    for _ in 0..=REMEMBERED {
        memory.forget(Subject::Person(BEN));
    }
    keep(&memory, reading, &[ANA], now);
    assert!(memory.recall::<Recipient>(ANA, now).is_none());
}

#[test]
fn nobody_is_believed_in_for_longer_than_the_time_to_live() {
    let (memory, now) = memory();
    memory.listening();
    keep(&memory, memory.begin(), &[ANA], now);
    assert!(memory.recall::<Recipient>(ANA, now + MINUTE / 2).is_some());
    assert!(memory.recall::<Recipient>(ANA, now + MINUTE).is_none());
}

#[test]
fn rules_are_kept_as_people_are() {
    let (memory, now) = memory();
    let tenant = Uuid::from_u128(1);
    let rules = Arc::new(TenantRules::default());
    let keep = |reading| memory.keep(reading, std::iter::once((tenant, &rules)), now);
    let recall = || memory.recall::<TenantRules>(tenant, now).is_some();
    keep(memory.begin());
    assert!(!recall(), "nobody listens");
    memory.listening();
    keep(memory.begin());
    assert!(recall());
    let reading = memory.begin();
    memory.forget(Subject::Rules(tenant));
    assert!(!recall());
    keep(reading);
    assert!(!recall(), "a notice overtook the reading");
    keep(memory.begin());
    memory.deaf();
    memory.listening();
    assert!(!recall(), "they may be others by now");
}
