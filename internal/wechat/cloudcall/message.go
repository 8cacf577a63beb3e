package cloudcall

import (
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of wx-server-sdk's src/protobuf/openapi, as far as this call uses them:
//
//	CommApiData     { int32 apiType = 1; OpenApiData openapiData = 2; … }
//	OpenApiData     { repeated KeyValuePair pairs = 1; }
//	KeyValuePair    { string key = 1; bytes value = 2;
//	                  string contenttype = 3; string filename = 4; }
//	CommOpenApiResp { bytes respData = 1; string contentType = 2; int32 errorCode = 3; … }
const (
	numAPIType     protowire.Number = 1
	numOpenAPIData protowire.Number = 2
	numPairs       protowire.Number = 1
	numKey         protowire.Number = 1
	numValue       protowire.Number = 2

	numRespData    protowire.Number = 1
	numContentType protowire.Number = 2
	numErrorCode   protowire.Number = 3
)

// apiTypeOpenAPI is the kind of a call to a WeChat API. The SDK writes it although it is
// zero.
const apiTypeOpenAPI = 0

// Pair is a parameter: its name in snake_case, and its value as JSON text. A string keeps
// its quotes.
type Pair struct {
	Key   string
	Value []byte
}

// MarshalCall writes a CommApiData.
func MarshalCall(pairs ...Pair) []byte {
	var data []byte
	for _, p := range pairs {
		var pair []byte
		pair = appendBytes(pair, numKey, []byte(p.Key))
		pair = appendBytes(pair, numValue, p.Value)
		data = appendBytes(data, numPairs, pair)
	}
	b := protowire.AppendTag(nil, numAPIType, protowire.VarintType)
	b = protowire.AppendVarint(b, apiTypeOpenAPI)
	return appendBytes(b, numOpenAPIData, data)
}

func appendBytes(b []byte, num protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), value)
}

var errMessage = errors.New("not the protobuf message that is expected")

// UnmarshalCall reads the parameters of a CommApiData that is meant for a WeChat
// API.
func UnmarshalCall(b []byte) ([]Pair, error) {
	fields, err := fieldsOf(b)
	if err != nil {
		return nil, err
	}
	apiType, err := fields.int32(numAPIType)
	if err != nil {
		return nil, err
	}
	if apiType != apiTypeOpenAPI {
		return nil, errors.New("apiType is not that of an open API")
	}
	data, err := fields.bytes(numOpenAPIData)
	if err != nil {
		return nil, err
	}
	if fields, err = fieldsOf(data); err != nil {
		return nil, err
	}
	var pairs []Pair
	for _, f := range fields {
		if f.num != numPairs {
			continue
		}
		if f.kind != protowire.BytesType {
			return nil, errMessage
		}
		pair, err := fieldsOf(f.bytes)
		if err != nil {
			return nil, err
		}
		key, keyErr := pair.bytes(numKey)
		value, valueErr := pair.bytes(numValue)
		if err := errors.Join(keyErr, valueErr); err != nil {
			return nil, err
		}
		pairs = append(pairs, Pair{Key: string(key), Value: value})
	}
	return pairs, nil
}

// Response is a CommOpenApiResp: WeChat's reply, or the code of the platform's refusal. Its
// httpCode, headers and svrkitErrorCode are left out, as the SDK does for this call.
type Response struct {
	Data        []byte
	ContentType string
	ErrorCode   int32
}

// Marshal writes the message; zero fields are left out, as proto3 does.
func (r Response) Marshal() []byte {
	var b []byte
	if len(r.Data) > 0 {
		b = appendBytes(b, numRespData, r.Data)
	}
	if r.ContentType != "" {
		b = appendBytes(b, numContentType, []byte(r.ContentType))
	}
	if r.ErrorCode != 0 {
		b = protowire.AppendTag(b, numErrorCode, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(int64(r.ErrorCode)))
	}
	return b
}

// UnmarshalResponse reads the message. It ignores unknown fields; known ones must have
// their type and stand once.
func UnmarshalResponse(b []byte) (Response, error) {
	fields, err := fieldsOf(b)
	if err != nil {
		return Response{}, err
	}
	data, dataErr := fields.bytes(numRespData)
	contentType, typeErr := fields.bytes(numContentType)
	code, codeErr := fields.int32(numErrorCode)
	if err := errors.Join(dataErr, typeErr, codeErr); err != nil {
		return Response{}, err
	}
	return Response{Data: data, ContentType: string(contentType), ErrorCode: code}, nil
}

type field struct {
	num    protowire.Number
	kind   protowire.Type
	bytes  []byte // of BytesType
	varint uint64 // of VarintType
}

type fields []field

// fieldsOf splits a message. Fields of other types are kept without a value.
func fieldsOf(b []byte) (fields, error) {
	var all fields
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, errMessage
		}
		b = b[n:]
		f := field{num: num, kind: kind}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(num, kind, b)
		}
		if n < 0 {
			return nil, errMessage
		}
		b = b[n:]
		all = append(all, f)
	}
	return all, nil
}

// one returns a field that may be absent and may not be repeated.
func (fs fields) one(num protowire.Number, kind protowire.Type) (field, error) {
	var found field
	for _, f := range fs {
		if f.num != num {
			continue
		}
		if f.kind != kind || found.num != 0 {
			return field{}, errMessage
		}
		found = f
	}
	return found, nil
}

func (fs fields) bytes(num protowire.Number) ([]byte, error) {
	f, err := fs.one(num, protowire.BytesType)
	return f.bytes, err
}

// int32 reads a number. protobuf writes a negative one as 64 bits.
func (fs fields) int32(num protowire.Number) (int32, error) {
	f, err := fs.one(num, protowire.VarintType)
	value := int64(f.varint)
	if err != nil || value < math.MinInt32 || value > math.MaxInt32 {
		return 0, errMessage
	}
	return int32(value), nil
}
