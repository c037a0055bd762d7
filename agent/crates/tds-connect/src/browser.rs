//! SQL Server Browser, which knows the ports of named instances (MS-SQLR, over UDP).

use std::{net::SocketAddr, time::Duration};

use tokio::{net::UdpSocket, time::timeout};

use super::ConnectError;

/// Asks for one instance (CLNT_UCAST_INST, MS-SQLR 2.2.3). Browser does not answer when it does not know the
/// instance.
const ONE: u8 = 0x04;

/// Asks for all instances (CLNT_UCAST_EX, MS-SQLR 2.2.2): if this is not answered either, no Browser is
/// running.
const ALL: u8 = 0x03;

/// The first byte of an answer (SVR_RESP, MS-SQLR 2.2.5).
const ANSWER: u8 = 0x05;

/// How many bytes an answer may have: one datagram.
const LONGEST: usize = 65_535;

/// Where SQL Server Browser is asked, and how long it may take to answer.
#[derive(Debug, Clone)]
pub(super) struct Browser {
    /// Browser's UDP port.
    pub port: u16,
    /// How long to wait for the answer to each question: twice for the instance, because datagrams get lost,
    /// then once for all instances.
    pub timeouts: [Duration; 3],
}

impl Default for Browser {
    fn default() -> Self {
        Self {
            port: 1434,
            timeouts: [Duration::from_secs(1); 3],
        }
    }
}

impl Browser {
    /// Asks for the TCP port of an instance.
    ///
    /// # Errors
    ///
    /// `BrowserSilent` or `InstanceUnknown`.
    pub(super) async fn port_of(
        &self,
        host: &str,
        instance: &str,
        addresses: &[SocketAddr],
    ) -> Result<u16, ConnectError> {
        for address in addresses {
            let place = SocketAddr::new(address.ip(), self.port);
            let Some(answer) = self.ask(place, instance).await else {
                continue;
            };
            return port_in(&answer, instance).ok_or_else(|| ConnectError::InstanceUnknown {
                host: host.to_owned(),
                instance: instance.to_owned(),
            });
        }
        Err(ConnectError::BrowserSilent {
            host: host.to_owned(),
            instance: instance.to_owned(),
        })
    }

    async fn ask(&self, place: SocketAddr, instance: &str) -> Option<Vec<u8>> {
        let any = match place {
            SocketAddr::V4(_) => "0.0.0.0:0",
            SocketAddr::V6(_) => "[::]:0",
        };
        let socket = UdpSocket::bind(any).await.ok()?;
        // A connected socket accepts answers from that address only, and reports a closed port at once.
        socket.connect(place).await.ok()?;
        let mut one = vec![ONE];
        one.extend_from_slice(instance.as_bytes());
        one.push(0);
        let mut buffer = vec![0; LONGEST];
        for (limit, question) in self.timeouts.into_iter().zip([&one[..], &one, &[ALL]]) {
            socket.send(question).await.ok()?;
            match timeout(limit, socket.recv(&mut buffer)).await {
                Ok(Ok(length)) => {
                    buffer.truncate(length);
                    return Some(buffer);
                }
                Ok(Err(_)) => return None,
                Err(_) => {}
            }
        }
        None
    }
}

/// Reads the TCP port of an instance from an answer, which may describe one instance or many:
/// `ServerName;PC;InstanceName;POS;…;tcp;49172;np;…;;`.
fn port_in(answer: &[u8], instance: &str) -> Option<u16> {
    let [ANSWER, _, _, text @ ..] = answer else {
        return None;
    };
    let text = String::from_utf8_lossy(text);
    text.split(";;").find_map(|record| {
        let words: Vec<&str> = record.split(';').collect();
        let value = |name: &str| {
            let mut pairs = words.chunks_exact(2);
            pairs.find_map(|pair| pair[0].eq_ignore_ascii_case(name).then_some(pair[1]))
        };
        if !value("InstanceName")?.eq_ignore_ascii_case(instance) {
            return None;
        }
        value("tcp")?.parse().ok().filter(|port| *port != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Vec<u8> {
        let mut bytes = vec![ANSWER];
        bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    const POS: &str = "ServerName;PC;InstanceName;POS;IsClustered;No;Version;12.0.2000.8;tcp;49172;np;\\\\PC\\pipe\\MSSQL$POS\\sql\\query;;";

    #[test]
    fn the_port_is_read_from_an_answer() {
        assert_eq!(port_in(&answer(POS), "pos"), Some(49172));
        let all = format!("ServerName;PC;InstanceName;OTHER;tcp;1;;{POS}");
        assert_eq!(port_in(&answer(&all), "POS"), Some(49172));
        let no_tcp = "ServerName;PC;InstanceName;POS;IsClustered;No;Version;12.0.2000.8;;";
        for garbage in [
            answer(no_tcp),
            answer("ServerName;PC;InstanceName;OTHER;tcp;1;;"),
            answer("InstanceName;POS;tcp;0;;"),
            answer("InstanceName;POS;tcp;99999;;"),
            answer("InstanceName;POS;tcp"),
            answer(""),
            vec![],
            vec![ANSWER],
            vec![ANSWER, 0],
            vec![0xff; 100],
        ] {
            assert_eq!(port_in(&garbage, "POS"), None);
        }
    }

    /// Answers questions that begin with this byte, and no others.
    async fn stand_in(kind: u8, text: &'static str) -> (Browser, [SocketAddr; 1]) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let place = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut question = [0; 100];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                if question[0] == kind {
                    assert!(kind == ALL || &question[1..length] == b"POS\0");
                    socket.send_to(&answer(text), from).await.unwrap();
                }
            }
        });
        let long = Duration::from_secs(60);
        let short = Duration::from_millis(1);
        let timeouts = match kind {
            ALL => [short, short, long],
            _ => [long; 3],
        };
        let browser = Browser {
            port: place.port(),
            timeouts,
        };
        (browser, [place])
    }

    #[tokio::test]
    async fn the_browser_is_asked() {
        let (browser, place) = stand_in(ONE, POS).await;
        assert_eq!(browser.port_of("pc", "POS", &place).await.unwrap(), 49172);
    }

    #[tokio::test]
    async fn an_unknown_instance_is_told_from_a_silent_browser() {
        let (browser, place) = stand_in(ALL, "ServerName;PC;InstanceName;OTHER;tcp;1;;").await;
        let answer = browser.port_of("pc", "POS", &place).await;
        assert!(matches!(answer, Err(ConnectError::InstanceUnknown { .. })));

        let (browser, place) = stand_in(0, "").await;
        tokio::time::pause();
        let answer = browser.port_of("pc", "POS", &place).await;
        assert!(matches!(answer, Err(ConnectError::BrowserSilent { .. })));
    }

    #[tokio::test]
    async fn no_browser_is_told_at_once() {
        let place = UdpSocket::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let browser = Browser {
            port: place.port(),
            timeouts: [Duration::from_secs(600); 3],
        };
        let answer = browser.port_of("pc", "POS", &[place]).await;
        assert!(matches!(answer, Err(ConnectError::BrowserSilent { .. })));
    }
}
