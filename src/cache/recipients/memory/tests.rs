use super::*;
use crate::runtime::recent_notices::REMEMBERED;

const ANA: RecipientKey = (Uuid::from_u128(1), Uuid::from_u128(2));
const BEN: RecipientKey = (Uuid::from_u128(1), Uuid::from_u128(3));
const MINUTE: Duration = Duration::from_secs(60);

fn memory() -> (RecipientStore, Instant) {
    let now = crate::runtime::clock::instant();
    (RecipientStore::new(16, MINUTE), now)
}

fn keep(memory: &RecipientStore, reading: ReadMark, recipients: &[RecipientKey], now: Instant) {
    let read: Vec<_> = recipients
        .iter()
        .map(|recipient_key| (*recipient_key, Arc::new(Recipient::nobody(*recipient_key))))
        .collect();
    memory.keep(
        reading,
        read.iter()
            .map(|(recipient_key, one)| (*recipient_key, one)),
        now,
    );
}

#[test]
fn cache_keeps_nothing_while_disconnected() {
    let (memory, now) = memory();
    let disconnected = memory.begin();
    memory.connected();
    keep(&memory, disconnected, &[ANA], now);
    assert!(memory.lookup::<Recipient>(ANA, now).is_none());
    keep(&memory, memory.begin(), &[ANA], now);
    assert!(memory.lookup::<Recipient>(ANA, now).is_some());
    memory.disconnected();
    assert!(memory.lookup::<Recipient>(ANA, now).is_none());
    memory.connected();
    assert!(
        memory.lookup::<Recipient>(ANA, now).is_none(),
        "it may be wrong by now"
    );
}

#[test]
fn a_reading_that_a_notice_overtook_is_not_kept() {
    let (memory, now) = memory();
    memory.connected();
    let reading = memory.begin();
    memory.forget(CacheKey::Recipient(ANA));
    keep(&memory, reading, &[ANA, BEN], now);
    assert!(memory.lookup::<Recipient>(ANA, now).is_none());
    assert!(memory.lookup::<Recipient>(BEN, now).is_some());
    let reading = memory.begin();
    memory.disconnected();
    memory.connected();
    keep(&memory, reading, &[ANA], now);
    assert!(memory.lookup::<Recipient>(ANA, now).is_none());
}

#[test]
fn recipient_named_during_a_reading_is_stale() {
    let (memory, _) = memory();
    let nobody = Stale::Only(HashSet::new());
    let disconnected = memory.begin();
    assert_eq!(memory.stale(disconnected), Stale::All);
    memory.connected();
    assert_eq!(
        memory.stale(disconnected),
        Stale::All,
        "what was committed between that reading and the first notice was not told"
    );
    let reading = memory.begin();
    assert_eq!(memory.stale(reading), nobody);
    memory.forget(CacheKey::Recipient(ANA));
    let stale = memory.stale(reading);
    assert!(stale.includes(&ANA) && !stale.includes(&BEN));
    let reading = memory.begin();
    memory.forget(CacheKey::Rules(ANA.0));
    let stale = memory.stale(reading);
    assert!(
        stale.includes(&ANA) && stale.includes(&BEN),
        "they are of that tenant"
    );
    assert!(!stale.includes(&(Uuid::from_u128(9), ANA.1)));
    let reading = memory.begin();
    memory.disconnected();
    assert_eq!(memory.stale(reading), Stale::All);
    memory.connected();
    assert_eq!(memory.stale(reading), Stale::All);
}

#[test]
fn a_reading_that_more_notices_overtook_than_are_remembered_is_not_kept() {
    let (memory, now) = memory();
    memory.connected();
    let reading = memory.begin();
    for _ in 0..=REMEMBERED {
        memory.forget(CacheKey::Recipient(BEN));
    }
    keep(&memory, reading, &[ANA], now);
    assert!(memory.lookup::<Recipient>(ANA, now).is_none());
}

#[test]
fn cached_recipient_expires_after_the_time_to_live() {
    let (memory, now) = memory();
    memory.connected();
    keep(&memory, memory.begin(), &[ANA], now);
    assert!(memory.lookup::<Recipient>(ANA, now + MINUTE / 2).is_some());
    assert!(memory.lookup::<Recipient>(ANA, now + MINUTE).is_none());
}

#[test]
fn rules_are_kept_as_people_are() {
    let (memory, now) = memory();
    let tenant = Uuid::from_u128(1);
    let rules = Arc::new(TenantRules::default());
    let keep = |reading| memory.keep(reading, std::iter::once((tenant, &rules)), now);
    let lookup = || memory.lookup::<TenantRules>(tenant, now).is_some();
    keep(memory.begin());
    assert!(!lookup(), "nobody listens");
    memory.connected();
    keep(memory.begin());
    assert!(lookup());
    let reading = memory.begin();
    memory.forget(CacheKey::Rules(tenant));
    assert!(!lookup());
    keep(reading);
    assert!(!lookup(), "a notice overtook the reading");
    keep(memory.begin());
    memory.disconnected();
    memory.connected();
    assert!(!lookup(), "they may be others by now");
}
