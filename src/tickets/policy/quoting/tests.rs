use super::*;

/// As mail programs of several languages repeat what they answer.
#[test]
fn what_programs_repeat_is_cut() {
    for repeated in [
        // Gmail, one line and two.
        "On Mon, Nov 30, 2026 at 9:12 AM Desk <reply+abc@desk.example.com> wrote:\n\n> Hello\n> Ana",
        "On Mon, Nov 30, 2026 at 9:12 AM Desk <\nreply+abc@desk.example.com> wrote:\n\n> Hello\n>\n> Ana\n",
        // Apple Mail.
        "> On 30. Nov 2026, at 09:12, Desk <desk@example.com> wrote:\n> \n> Hello",
        "Am 30.11.2026 um 09:12 schrieb Desk <desk@example.com>:\n> Hallo",
        "Am Mo., 30. Nov. 2026 um 09:12 Uhr schrieb Desk <\ndesk@example.com>:\n\n> Hallo\n",
        "Le lun. 30 nov. 2026 à 09:12, Desk <desk@example.com> a écrit :\n\n> Bonjour",
        "Le 30 nov. 2026 à 09:12, Desk <desk@example.com> a écrit\u{a0}:\n> Bonjour",
        "El lun, 30 nov 2026 a las 9:12, Desk (<desk@example.com>) escribió:\n\n> Hola",
        "Il giorno lun 30 nov 2026 alle ore 09:12 Desk <desk@example.com> ha scritto:\n> Ciao",
        "Op ma 30 nov. 2026 om 09:12 schreef Desk <desk@example.com>:\n> Hallo",
        // Outlook.
        "-----Original Message-----\nFrom: Desk <desk@example.com>\nSent: Monday\nTo: Ana\nSubject: x\n\nHello",
        "-----Ursprüngliche Nachricht-----\nVon: Desk\nGesendet: Montag\n\nHallo",
        "________________________________\nFrom: Desk <desk@example.com>\nSent: Monday, November 30, 2026\nTo: Ana\nSubject: Re: x\n\nHello",
        "________________________________________\nVon: Desk <desk@example.com>\nGesendet: Montag, 30. November 2026\nAn: Ana\nBetreff: AW: x\n\nHallo",
        "De : Desk <desk@example.com>\nEnvoyé : lundi 30 novembre 2026 09:12\nÀ : Ana\nObjet : RE: x\n\nBonjour",
        "De: Desk <desk@example.com>\nEnviado el: lunes, 30 de noviembre de 2026\nPara: Ana\nAsunto: RE: x\n\nHola",
        "*From:* Desk <desk@example.com>\n*Sent:* Monday\n*To:* Ana\n*Subject:* Re: x\n\nHello",
        "--- Mensaje original ---\nHola",
        // Without an introduction.
        "> Hello\n> Ana",
        // Below which nothing is marked.
        "On 11/30/26 09:12, Desk wrote:\nHello\nAna",
    ] {
        for end in ["\n", "\r\n"] {
            let text = format!("It burns again.\n\nAnd smells.\n\n{repeated}").replace('\n', end);
            assert_eq!(
                without_quotes(&text),
                "It burns again.\n\nAnd smells.",
                "{repeated}"
            );
        }
    }
}

#[test]
fn what_somebody_wrote_stays() {
    for text in [
        "It burns.",
        "On the second floor it burns, my colleague wrote: help",
        "Am Montag brennt es.\nIch schrieb es schon.",
        "From: the second floor\nit burns",
        "I saw this:\n> ERROR 7\nWhat does it mean?",
        "Answers between:\n\nOn Mon, Nov 30, 2026 Desk <a@b.c> wrote:\n> Which floor?\nThe second.\n> Since when?\nMonday.",
        "1. one\n---\n2. two",
        "El fuego sigue: ayuda",
    ] {
        assert_eq!(without_quotes(text), text);
    }
}

#[test]
fn where_nothing_is_new_all_is_kept() {
    assert_eq!(without_quotes("> Hello\n> Ana"), "> Hello\n> Ana");
    assert_eq!(without_quotes(""), "");
    let below = "On 30 Nov 2026, Desk <a@b.c> wrote:\n> Which floor?\n\nThe second.";
    assert_eq!(without_quotes(below), below);
}
