use super::{
    adobe::{Answer, Challenge, DEMAND, Said, Verdict},
    *,
};

fn credentials() -> Credentials {
    Credentials {
        user: "myuser".to_owned(),
        password: Secret::new("mypass"),
    }
}

fn challenge() -> Challenge {
    Challenge {
        salt: "testsalt".to_owned(),
        challenge: "testchallenge".to_owned(),
        opaque: None,
    }
}

/// The step after `description` on a connection that was made with `login`.
fn step(
    description: &str,
    credentials: Option<&Credentials>,
    login: Option<&str>,
) -> Result<String, LoginError> {
    let login = login.map(|query| Login {
        query: Secret::new(query),
    });
    let attempt = Attempt {
        app: "live",
        credentials,
        login: login.as_ref(),
        seed: 7,
    };
    let step = next_step(description, &attempt).unwrap_or_else(|| panic!("{description}"));
    step.map(|login| login.query.expose().to_owned())
}

/// What the client with `credentials` has to say to who knows [`credentials`] and gives `challenge`.
fn verdict(challenge: &Challenge, credentials: &Credentials) -> Verdict {
    let user = step(DEMAND, Some(credentials), None).unwrap();
    let Said::User(name) = Said::read(&format!("live{user}")) else {
        panic!("{user}");
    };
    let description = challenge.description(&name);
    let proof = step(&description, Some(credentials), Some(&user)).unwrap();
    let Said::Answer(answer) = Said::read(&format!("live{proof}")) else {
        panic!("{proof}");
    };
    challenge.judge(&answer, &self::credentials())
}

#[test]
fn the_response_is_that_of_the_published_vector() {
    let response = challenge().response(&credentials(), "deadbeef");
    assert_eq!(response, "ZziU6F3lZrjVRSUJR8GHJQ==");
}

#[test]
fn a_user_who_knows_the_password_is_welcome_with_and_without_opaque() {
    for opaque in [None, Some("b3BhcXVl==".to_owned())] {
        let challenge = Challenge {
            opaque,
            ..challenge()
        };
        let verdict = verdict(&challenge, &credentials());
        assert_eq!(verdict, Verdict::Welcome);
        assert_eq!(verdict.description(), None);
    }
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_told_apart() {
    for (user, password, expected, error) in [
        (
            "myuser",
            "other",
            Verdict::WrongPassword,
            LoginError::WrongPassword,
        ),
        (
            "nobody",
            "mypass",
            Verdict::UnknownUser,
            LoginError::UnknownUser,
        ),
    ] {
        let credentials = Credentials {
            user: user.to_owned(),
            password: Secret::new(password),
        };
        let verdict = verdict(&challenge(), &credentials);
        assert_eq!(verdict, expected);
        let description = verdict.description().unwrap();
        let end = step(&description, Some(&credentials), Some("?response="));
        assert_eq!(end, Err(error));
    }
}

#[test]
fn an_answer_to_another_challenge_is_not_taken() {
    let other = Challenge {
        opaque: Some("o".to_owned()),
        ..challenge()
    };
    let answer = Answer {
        user: "myuser".to_owned(),
        challenge: "deadbeef".to_owned(),
        response: Secret::new(challenge().response(&credentials(), "deadbeef")),
        opaque: None,
    };
    assert_eq!(other.judge(&answer, &credentials()), Verdict::WrongPassword);
    let cut = Answer {
        response: Secret::new(""),
        ..answer
    };
    assert_eq!(
        challenge().judge(&cut, &credentials()),
        Verdict::WrongPassword
    );
}

#[test]
fn the_steps_are_those_that_servers_know() {
    let known = credentials();
    for demand in [DEMAND, "code=403 need auth; authmod=adobe", "authmod=adobe"] {
        let first = step(demand, Some(&known), None);
        assert_eq!(first.as_deref(), Ok("?authmod=adobe&user=myuser"));
    }
    let first = step("code=403 need auth; authmod=llnw", Some(&known), None);
    assert_eq!(first.as_deref(), Ok("?authmod=llnw&user=myuser"));

    let second = step(
        "[ authmod=llnw ] : ?reason=needauth&user=myuser&nonce=abcdef01 ",
        Some(&known),
        first.as_deref().ok(),
    );
    let second = second.unwrap();
    assert!(
        second.starts_with("?authmod=llnw&user=myuser&nonce=abcdef01&cnonce="),
        "{second}"
    );
    assert!(second.contains("&nc=00000001&response="), "{second}");
}

#[test]
fn values_are_taken_as_they_are_and_split_at_the_first_equals_sign_alone() {
    let answer = step(
        "[ AccessManager.Reject ] : [ authmod=adobe ] : \
         ?reason=needauth&user=myuser&salt=a+b/c==&challenge=%20==&opaque=x==y=",
        Some(&credentials()),
        None,
    )
    .unwrap();
    assert!(answer.ends_with("&opaque=x==y="), "{answer}");
    let client_challenge = answer
        .split_once("&challenge=")
        .and_then(|(_, rest)| rest.split_once('&'))
        .map(|(challenge, _)| challenge)
        .unwrap();
    let challenge = Challenge {
        salt: "a+b/c==".to_owned(),
        challenge: "%20==".to_owned(),
        opaque: Some("x==y=".to_owned()),
    };
    let response = challenge.response(&credentials(), client_challenge);
    assert!(
        answer.contains(&format!("&response={response}&")),
        "{answer}"
    );
}

#[test]
fn a_challenge_that_lacks_something_is_told_from_an_unknown_user() {
    let known = credentials();
    for (parameters, expected) in [
        ("user=myuser&challenge=c", Err(LoginError::UnknownUser)),
        ("user=myuser&salt=s", Err(LoginError::Incomplete)),
        ("user=myuser&salt=&challenge=c", Ok(())),
        ("user=myuser&salt=s&opaque=o", Ok(())),
    ] {
        let description = format!("authmod=adobe ] : ?reason=needauth&{parameters}");
        let answer = step(
            &description,
            Some(&known),
            Some("?authmod=adobe&user=myuser"),
        );
        assert_eq!(answer.map(drop), expected, "{parameters}");
    }
    let without_nonce = step("authmod=llnw : ?reason=needauth&user=u", Some(&known), None);
    assert_eq!(without_nonce, Err(LoginError::Incomplete));
}

#[test]
fn what_cannot_go_on_is_told_apart() {
    let known = credentials();
    for (description, error) in [
        (
            "[ AccessManager.Reject ] : [ authmod=llnw ] : ?reason=authfail:badkey",
            LoginError::WrongPassword,
        ),
        (
            "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=userlocked",
            LoginError::LockedOut,
        ),
        ("code=403 the account is locked", LoginError::LockedOut),
        ("[ code=403 not from here ]", LoginError::Denied),
        ("authmod=adobe : ?reason=quota", LoginError::Denied),
        (
            "code=403 need auth; authmod=kerberos",
            LoginError::UnknownMethod("kerberos".to_owned()),
        ),
        (
            "code=403 need auth",
            LoginError::UnknownMethod(String::new()),
        ),
    ] {
        assert_eq!(
            step(description, Some(&known), None),
            Err(error),
            "{description}"
        );
    }
}

#[test]
fn a_user_whose_name_says_locked_is_not_taken_for_locked_out() {
    let known = Credentials {
        user: "blocked".to_owned(),
        password: Secret::new("mypass"),
    };
    let answer = step(
        "[ authmod=adobe ] : ?reason=needauth&user=blocked&salt=s&challenge=c",
        Some(&known),
        Some("?authmod=adobe&user=blocked"),
    );
    assert!(answer.is_ok_and(|answer| answer.contains("&response=")));
}

#[test]
fn who_has_no_user_or_no_password_is_told_so() {
    let half = |user: &str, password: &str| Credentials {
        user: user.to_owned(),
        password: Secret::new(password),
    };
    for credentials in [None, Some(half("", "")), Some(half("me", ""))] {
        let end = step(DEMAND, credentials.as_ref(), None);
        assert_eq!(end, Err(LoginError::CredentialsNeeded));
    }
}

#[test]
fn the_same_step_twice_is_the_end() {
    let known = credentials();
    let again = step(DEMAND, Some(&known), Some("?authmod=adobe&user=myuser"));
    assert_eq!(again, Err(LoginError::Again));
    let challenge = challenge().description("myuser");
    let again = step(
        &challenge,
        Some(&known),
        Some("?authmod=adobe&user=myuser&challenge=c&response=r"),
    );
    assert_eq!(again, Err(LoginError::Again));
}

#[test]
fn other_rejections_have_nothing_to_do_with_logging_in() {
    let attempt = Attempt {
        app: "live",
        credentials: None,
        login: None,
        seed: 0,
    };
    for description in [
        "",
        "Connection failed.",
        "Application (live) is not defined.",
        "This stream was blocked; you need auth from the owner.",
    ] {
        assert_eq!(next_step(description, &attempt), None);
    }
    let endless = format!("authmod=adobe : ?reason=needauth&salt={}", "x".repeat(5000));
    assert_eq!(next_step(&endless, &attempt), None);
}

#[test]
fn what_clients_say_about_themselves_is_read_wherever_it_stands() {
    assert_eq!(Said::read("live"), Said::Nothing);
    assert_eq!(Said::read("live?authmod=llnw&user=u"), Said::Nothing);
    assert_eq!(Said::read("live?authmod=adobe&x=y"), Said::Nothing);
    assert_eq!(
        Said::read("live?vhost=a?authmod=adobe&user=u"),
        Said::User("u".to_owned())
    );
}

#[test]
fn our_challenge_is_eight_digits_and_differs_with_the_seed() {
    let challenges: Vec<_> = [0, 1, 2, u64::MAX].map(client_challenge).into();
    for (index, challenge) in challenges.iter().enumerate() {
        assert_eq!(challenge.len(), 8, "{challenge}");
        assert!(challenge.bytes().all(|b| b.is_ascii_hexdigit()));
        assert!(!challenges[..index].contains(challenge));
    }
}

#[test]
fn no_debug_output_shows_a_proof() {
    let login = Login {
        query: Secret::new("?response=s3cret"),
    };
    let said = Said::read("live?authmod=adobe&user=u&challenge=c&response=s3cret");
    assert!(!format!("{login:?}{said:?}").contains("s3cret"));
}
