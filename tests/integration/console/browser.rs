//! What a browser would do: it keeps a cookie, and posts the forms of pages.

use loadtest::harness::http::{self, Answer};

use crate::stage::Stage;

/// Somebody who is signed in, or not yet.
pub(super) struct Browser<'a> {
    stage: &'a Stage,
    pub(super) cookie: Option<String>,
}

impl<'a> Browser<'a> {
    pub(super) fn new(stage: &'a Stage) -> Self {
        Self {
            stage,
            cookie: None,
        }
    }

    /// Somebody who has signed in with a key.
    pub(super) async fn signed_in(stage: &'a Stage, key: &str) -> Self {
        let mut browser = Self::new(stage);
        let answer = browser.sign_in(key).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    /// Signs in; keeps the cookie of the answer.
    pub(super) async fn sign_in(&mut self, key: &str) -> Answer {
        let body = form(&[("key", key), ("back", "/console")]);
        let answer = self.send("POST", "/console/sign-in", &[], &body).await;
        let cookie = answer.headers.get("set-cookie");
        let pair = cookie.map(|it| it.to_str().unwrap().split(';').next().unwrap().to_owned());
        self.cookie = pair.or(self.cookie.take());
        answer
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &str,
    ) -> Answer {
        let url = self.stage.url(path);
        let cookie = self
            .cookie
            .as_ref()
            .map(|it| format!("Cookie: a=b; {it}; c=d"));
        let mut lines: Vec<&str> = headers.to_vec();
        lines.extend(cookie.as_deref());
        lines.push("Content-Type: application/x-www-form-urlencoded");
        let asked = http::request(method, &url, &lines, body.as_bytes());
        asked.await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// A page that must be there.
    pub(super) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// What forms of this session must bring.
    pub(super) async fn proof(&self) -> String {
        proof_in(&self.page("/console").await)
    }

    /// Posts a form with its proof.
    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let proof = self.proof().await;
        let mut all = vec![("proof", proof.as_str())];
        all.extend(fields);
        self.send("POST", path, &[], &form(&all)).await
    }
}

/// The proof in a page.
pub(super) fn proof_in(page: &str) -> String {
    let (_, after) = page.split_once("name=\"proof\" value=\"").unwrap();
    after.split('"').next().unwrap().to_owned()
}

/// Fields as browsers send them.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let plain = |text: &str| {
        text.bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect::<String>()
    };
    let fields = fields.iter();
    let fields = fields.map(|(name, value)| format!("{}={}", plain(name), plain(value)));
    fields.collect::<Vec<_>>().join("&")
}

pub(super) fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer
        .headers
        .get(name)
        .map_or("", |it| it.to_str().unwrap())
}
