//! `/v1/users/{id}/devices`. A token that another person brings changes hands.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::asked::{NewDevice, device};
use super::shown::ShownDevice;
use crate::api::authority::KeyOrPerson;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::things;
use crate::domain::{ApiAction, ApiResource, OwnResource};
use crate::ops::control::Desks;

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Users;
    use OwnResource::Devices;
    vec![
        Endpoint::get("/v1/users/{id}/devices", list)
            .named("listDevices", "A person's push devices, the oldest first")
            .scope(Users, Read)
            .or_self(Devices, Read)
            .page::<ShownDevice<'_>>("devices, those that their provider retired as well"),
        Endpoint::post("/v1/users/{id}/devices", add)
            .named("addDevice", "A device reports itself")
            .details("It is the person's from now on, whoever had it before. One that was retired lives again.")
            .scope(Users, Write)
            .or_self(Devices, Write)
            .body::<NewDevice>()
            .problem(409, "too_many_devices")
            .answers::<ShownDevice<'_>>(200, "the device, which they had")
            .answers::<ShownDevice<'_>>(201, "the device, which is new to them"),
        Endpoint::delete("/v1/users/{id}/devices/{device}", remove)
            .named("removeDevice", "Takes a device from a person")
            .scope(Users, Write)
            .or_self(Devices, Write)
            .answers_other(204, "it is gone", None),
    ]
}

/// A person's devices.
async fn list(
    who: KeyOrPerson,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = who.of(&id)?;
    let page = Page::asked(&request, &format!("devices {}", of.1), who.tenant_id())?;
    let devices = desks.people.devices(of, page.after, page.limit + 1).await?;
    let entries = devices.iter().map(|it| (it.id, ShownDevice::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// A device reports itself.
async fn add(
    who: KeyOrPerson,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = who.of(&id)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let device = device(&mut sent);
    let (token, platform) = sent.finish(device)?;
    let added = desks.people.add_device(of, token, platform, who.by());
    let (device, is_new) = added.await?;
    let place = format!("/v1/users/{}/devices/{}", of.1, device.id);
    Ok(things::put_answer(
        is_new,
        place,
        ShownDevice::from(&device),
    ))
}

/// Takes a device from a person.
async fn remove(
    who: KeyOrPerson,
    desks: Data<Desks>,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (id, device) = ids.into_inner();
    let of = who.of(&id)?;
    let device = things::id_of(&device, "device")?;
    desks.people.remove_device(of, device, who.by()).await?;
    Ok(HttpResponse::NoContent().finish())
}
