//! Answers of each rpc, made from the contract itself, so that no text in them is left out.

use std::collections::HashMap;

use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet, field_descriptor_proto::Type,
};
use shopmaster_proto::DESCRIPTORS;

/// How deep messages are nested at most.
const DEEPEST: usize = 6;
/// Where the agent listens.
const ADDRESS: &str = "127.0.0.1:7443";

/// Makes messages in which each text is the same, and so is each number.
pub struct Messages {
    text: &'static str,
    number: u64,
    /// By the full name, with the dot in front.
    messages: HashMap<String, DescriptorProto>,
    /// The full name of each rpc's answer, by its path.
    answers: HashMap<String, String>,
}

impl Messages {
    pub fn new(text: &'static str, number: u64) -> Self {
        let (mut messages, mut answers) = (HashMap::new(), HashMap::new());
        for file in FileDescriptorSet::decode(DESCRIPTORS).unwrap().file {
            let package = file.package();
            for message in &file.message_type {
                messages.insert(format!(".{package}.{}", message.name()), message.clone());
            }
            for service in &file.service {
                for rpc in &service.method {
                    let path = format!("/{package}.{}/{}", service.name(), rpc.name());
                    answers.insert(path, rpc.output_type().to_owned());
                }
            }
        }
        Self {
            text,
            number,
            messages,
            answers,
        }
    }

    /// The answer of the rpc with this path.
    pub fn answer(&self, path: &str) -> Vec<u8> {
        self.message(&self.answers[path], 0)
    }

    fn message(&self, name: &str, depth: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in &self.messages[name].field {
            let is_address = name.ends_with(".GetListenerResponse")
                && ["listen", "listening"].contains(&field.name());
            // Without a valid one, the answer is refused, and nothing else of it is shown.
            let text = if is_address { ADDRESS } else { self.text };
            self.field(field, text, depth, &mut bytes);
        }
        bytes
    }

    fn field(&self, field: &FieldDescriptorProto, text: &str, depth: usize, bytes: &mut Vec<u8>) {
        let tag = u32::try_from(field.number()).unwrap();
        let content = match field.r#type() {
            // A page after this one would have another after it.
            Type::String if field.name() == "next_page_token" => return,
            Type::String => text.as_bytes().to_vec(),
            // A digest.
            Type::Bytes => vec![7; 32],
            Type::Message if depth == DEEPEST => return,
            Type::Message => self.message(field.type_name(), depth + 1),
            Type::Double => {
                encode_key(tag, WireType::SixtyFourBit, bytes);
                return bytes.extend(1.0_f64.to_le_bytes());
            }
            _ => {
                encode_key(tag, WireType::Varint, bytes);
                return encode_varint(self.number, bytes);
            }
        };
        encode_key(tag, WireType::LengthDelimited, bytes);
        encode_varint(content.len() as u64, bytes);
        bytes.extend(content);
    }
}
