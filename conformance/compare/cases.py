"""Hand-written requests, in the manner of the recorded ones: what a generator does not think of.

Each function is an area and makes its steps with a `Case`. compare.py sends them to both servers in a
namespace of their own.
"""
import json
from urllib.parse import quote

GROUP = "/apis/hello.zeng.dev"
V2 = GROUP + "/v2/namespaces/@ns@/foos"
V1 = GROUP + "/v1/namespaces/@ns@/foos"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
YAML = {"Content-Type": "application/yaml"}
JSON = {"Content-Type": "application/json"}


def foo(name="a", version="v2", status=None, **metadata):
    spec = {"msg": "hello", "msg1": "world"}
    if version == "v2":
        spec = {"image": "nginx:1.25", "config": spec}
    body = {"apiVersion": "hello.zeng.dev/" + version, "kind": "Foo",
            "metadata": {"name": name, **metadata}, "spec": spec}
    if status is not None:
        body["status"] = status
    return body


def version_of(step):
    """The resource version in the answer to an earlier step."""
    return "${%s:.metadata.resourceVersion}" % step


class Case:
    """The steps of an area."""

    def __init__(self):
        self.steps = []

    def send(self, method, path, body=None, headers=None, id=None):
        step = {"id": id or f"s{len(self.steps):04}", "method": method, "path": path}
        if body is not None:
            step["body"] = body
        if headers:
            step["headers"] = headers
        self.steps.append(step)
        return step["id"]


def watches(case):
    """Watches from everywhere, in every form, with what must be refused."""
    l=case.send("GET",V2,id="l")
    c=case.send("POST",V2,foo("a",labels={"on":"yes"}),id="c")
    m=case.send("PATCH",V2+"/a",{"spec":{"image":"two"}},MERGE)
    off=case.send("PATCH",V2+"/a",{"metadata":{"labels":{"on":"no"}}},MERGE)
    on=case.send("PATCH",V2+"/a",{"metadata":{"labels":{"on":"yes"}}},MERGE)
    b=case.send("POST",V2,foo("b"))
    bs=case.send("PATCH",V2+"/b/status",{"status":{"phase":"Ready"}},MERGE)
    cf=case.send("PATCH",V2+"/b/config",{"spec":{"msg":"cfg"}},MERGE)
    fin=case.send("POST",V2,foo("f",finalizers=["example.com/hold"]))
    d1=case.send("DELETE",V2+"/f")
    d2=case.send("PATCH",V2+"/f",{"metadata":{"finalizers":None}},MERGE)
    case.send("DELETE",V2+"/b")
    W="watch=true&timeoutSeconds=1"
    for base in (V2,V1):
      for q in ("","&labelSelector=on%3Dyes","&labelSelector=on%3Dno","&fieldSelector=metadata.name%3Da","&fieldSelector=metadata.name%21%3Da","&labelSelector=%21on","&fieldSelector=metadata.namespace%3D@ns@","&fieldSelector=metadata.namespace%3Dx"):
        case.send("GET",base+"?"+W+"&resourceVersion="+version_of("l")+q)
      for a in (TABLE,PARTIAL,"application/json;as=Table;v=v1;g=meta.k8s.io,application/json","application/yaml","application/json;stream=watch",PARTIAL_LIST,"application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io","application/json;as=Table;v=v1beta1;g=meta.k8s.io","text/plain","*/*"):
        case.send("GET",base+"?"+W+"&resourceVersion="+version_of("l"),None,{"Accept":a})
      for inc in ("None","Metadata","Object","Nope"):
        case.send("GET",base+"?"+W+"&resourceVersion="+version_of("l")+"&includeObject="+inc,None,{"Accept":TABLE})
      for q in ("&resourceVersion=0","","&resourceVersion="+version_of(m),"&resourceVersion="+version_of(d1),"&resourceVersion=1","&resourceVersion=999999","&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true","&sendInitialEvents=true&resourceVersionMatch=NotOlderThan","&sendInitialEvents=true","&sendInitialEvents=false","&sendInitialEvents=false&resourceVersionMatch=NotOlderThan","&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion="+version_of(m),"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=0","&sendInitialEvents=true&resourceVersionMatch=Exact","&resourceVersionMatch=NotOlderThan","&resourceVersionMatch=Exact","&resourceVersionMatch=Nope","&limit=1","&continue=abc","&allowWatchBookmarks=true","&allowWatchBookmarks=true&resourceVersion="+version_of("l"),"&labelSelector=a%3D%3D%3D","&fieldSelector=spec.image%3Dx","&resourceVersion=x","&timeoutSeconds=x","&pretty=true&resourceVersion="+version_of("l"),"&dryRun=All"):
        case.send("GET",base+"?"+W+q)
      case.send("GET",base+"?"+W+"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",None,{"Accept":TABLE})
      case.send("GET",base+"?"+W+"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",None,{"Accept":PARTIAL})
      case.send("GET",base+"/a?"+W); case.send("GET",base+"/a?watch=1")
      case.send("GET",base+"?watch=0"); case.send("GET",base+"?watch=false"); case.send("GET",base+"?watch=x&timeoutSeconds=1"); case.send("GET",base+"?watch=&timeoutSeconds=1")
      WP=base.replace("/namespaces","/watch/namespaces")
      case.send("GET",WP+"?timeoutSeconds=1"); case.send("GET",WP+"/a?timeoutSeconds=1"); case.send("GET",WP+"/zzz?timeoutSeconds=1"); case.send("GET",WP+"/a?timeoutSeconds=1&fieldSelector=metadata.name%3Db"); case.send("GET",WP+"/a?timeoutSeconds=1&fieldSelector=metadata.name%3Da"); case.send("GET",WP+"/a?timeoutSeconds=1&labelSelector=on%3Dno"); case.send("GET",WP+"?timeoutSeconds=1&watch=false"); case.send("POST",WP,foo("q")); case.send("DELETE",WP+"/a"); case.send("GET",WP+"/a/status?timeoutSeconds=1"); case.send("GET",WP+"/?timeoutSeconds=1")
      case.send("GET",base.replace("/namespaces/@ns@","/watch")+"?timeoutSeconds=1&fieldSelector=metadata.namespace%3D@ns@")
      case.send("GET",base.replace("/namespaces/@ns@","")+"?watch=1&timeoutSeconds=1&fieldSelector=metadata.namespace%3D@ns@")
      case.send("GET",base+"/a/status?"+W); case.send("GET",base+"/a/config?"+W); case.send("POST",base+"?"+W,foo("zz"+base[22:24].replace("/","x"))); case.send("DELETE",base+"/nope?"+W)


def tables(case):
    """Tables, metadata alone, and what cannot be shown so."""
    for n,i in (("a",0),("b",1),("c",2)):
        case.send("POST",V2,foo(n,labels={"n":n}),id="c"+n)
    case.send("PATCH",V2+"/b/status",{"status":{"phase":"Ready","conditions":[{"type":"Worker","status":"True"}]}},MERGE)
    case.send("POST",V1,foo("v","v1"),id="cv")
    ACC=[TABLE,"application/json;as=Table;g=meta.k8s.io;v=v1beta1","application/yaml;as=Table;v=v1;g=meta.k8s.io",PARTIAL,PARTIAL_LIST,"application/yaml;as=PartialObjectMetadata;v=v1;g=meta.k8s.io","application/yaml;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io","application/json;as=Table;v=v1","application/json;as=Table;g=meta.k8s.io","application/json;g=meta.k8s.io;v=v1","application/json;as=Table;v=v2;g=meta.k8s.io","application/json;as=Table;v=v1;g=other","application/json;as=Table;v=v2;g=meta.k8s.io,application/json","application/json;as=Foo;v=v2;g=hello.zeng.dev","text/html;as=Table;v=v1;g=meta.k8s.io","application/json;as=Table;v=v1;g=meta.k8s.io;pretty=1","application/json;as=Table;v=v1;g=meta.k8s.io;q=0.1,application/json;q=0.9","application/json;q=0.9,application/json;as=Table;v=v1;g=meta.k8s.io","application/json;as=Table;v=v1;g=meta.k8s.io, application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json","*/*;as=Table;v=v1;g=meta.k8s.io","application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json"]
    for base in (V2,V1):
      for a in ACC:
        for p in ("","/a","/missing","/a/status","?limit=2","?labelSelector=n%3Dzz"):
          if base==V1 and p not in ("","/v","/a"): continue
          case.send("GET",base+p,None,{"Accept":a})
      for inc in ("None","Metadata","Object","Nope",""):
        for p in ("?","/b?","?labelSelector=n%3Db&"):
          case.send("GET",base+p+"includeObject="+inc,None,{"Accept":TABLE})
      case.send("GET",base+"?includeObject=Nope"); case.send("GET",base+"?includeObject=Nope",None,{"Accept":PARTIAL_LIST})
      case.send("GET",base+"?limit=2",None,{"Accept":TABLE},id="pg"+base[22:24].replace("/","x"))
    case.send("GET",V2+"?limit=2&continue=${pg%s:.metadata.continue}"%V2[22:24].replace("/","x"),None,{"Accept":TABLE})
    case.send("GET",V2+"?limit=2&continue=${pg%s:.metadata.continue}"%V2[22:24].replace("/","x"),None,{"Accept":PARTIAL_LIST})
    case.send("GET",V2+"?fieldSelector=metadata.name%3Da",None,{"Accept":TABLE})
    for a in (TABLE,PARTIAL,PARTIAL_LIST,"application/yaml","application/yaml;as=Table;v=v1;g=meta.k8s.io"):
      for n in range(1):
        case.send("POST",V2,foo("t%d"%len(case.steps)),{"Accept":a})
        case.send("POST",V2,foo("a"),{"Accept":a})
        case.send("POST",V2,{"apiVersion":"hello.zeng.dev/v2","kind":"Foo","metadata":{"name":"q"}},{"Accept":a})
        case.send("PATCH",V2+"/a",{"spec":{"image":"x%d"%len(case.steps)}},dict(MERGE,Accept=a))
        case.send("PATCH",V2+"/a?fieldManager=z",json.dumps(foo("a")),dict(APPLY,Accept=a))
        case.send("PATCH",V2+"/a/status",{"status":{"phase":"P%d"%len(case.steps)}},dict(MERGE,Accept=a))
        case.send("DELETE",V2+"/c?dryRun=All",None,{"Accept":a})
        case.send("DELETE",V2+"/nope",None,{"Accept":a})
        case.send("DELETE",V2+"?labelSelector=n%3Dc&dryRun=All",None,{"Accept":a})
        case.send("GET",V2+"/a/config",None,{"Accept":a})
        case.send("PATCH",V2+"/a/config",{"spec":{"msg":"x%d"%len(case.steps)}},MERGE)
        case.send("POST",V2+"/a/base64",{"spec":{"fieldPath":"spec"}},{"Accept":a})
        case.send("GET",V2+"/a/base64",None,{"Accept":a})


def patches(case):
    """JSON, merge and strategic merge patches, good and bad."""
    c=case.send("POST",V2,foo("a",labels={"x":"1","y":"2"},annotations={"n":"1"},finalizers=["example.com/hold"]),id="c")
    case.send("POST",V1,foo("v","v1"),id="cv")
    case.send("PATCH",V2+"/a/status",{"status":{"conditions":[{"type":"Worker","status":"True"},{"type":"Config","status":"False"}]}},MERGE)
    for p in ["",'null','[]','1','"x"','{','{}','{"a":','[{"op":"add"}]','{"spec":{"image":"a","image":"b"}}','{"spec":{"extra":1}}','{"Spec":{"image":"z"}}','{"spec":null}','{"spec":{"config":null}}','{"spec":{"image":null}}','{"spec":[]}','{"spec":"x"}','{"spec":{"image":1}}','{"spec":{"image":{}}}','{"spec":{"config":"x"}}','{"spec":{"config":{"msg":true}}}','{"metadata":null}','{"metadata":[]}','{"metadata":{"name":null}}','{"metadata":{"name":""}}','{"metadata":{"name":1}}','{"metadata":{"namespace":"x"}}','{"metadata":{"namespace":null}}','{"metadata":{"uid":"x"}}','{"metadata":{"uid":null}}','{"metadata":{"uid":""}}','{"metadata":{"resourceVersion":"1"}}','{"metadata":{"resourceVersion":""}}','{"metadata":{"resourceVersion":null}}','{"metadata":{"resourceVersion":"0"}}','{"metadata":{"resourceVersion":5}}','{"metadata":{"generation":5}}','{"metadata":{"generation":-1}}','{"metadata":{"generation":1.5}}','{"metadata":{"creationTimestamp":null}}','{"metadata":{"creationTimestamp":"2001-01-01T00:00:00Z"}}','{"metadata":{"creationTimestamp":"x"}}','{"metadata":{"deletionTimestamp":"2001-01-01T00:00:00Z"}}','{"metadata":{"deletionGracePeriodSeconds":5}}','{"metadata":{"selfLink":"/x"}}','{"metadata":{"labels":null}}','{"metadata":{"labels":{"x":null}}}','{"metadata":{"labels":{"x":1}}}','{"metadata":{"labels":{"bad key!":"x"}}}','{"metadata":{"labels":{"a":"bad value!"}}}','{"metadata":{"labels":[]}}','{"metadata":{"annotations":{"n":""}}}','{"metadata":{"annotations":{"N":null}}}','{"metadata":{"finalizers":null}}','{"metadata":{"finalizers":[]}}','{"metadata":{"finalizers":["bad"]}}','{"metadata":{"finalizers":["a.b/c","a.b/c"]}}','{"metadata":{"finalizers":"x"}}','{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"}]}}','{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"},{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"}]}}','{"metadata":{"ownerReferences":null}}','{"metadata":{"managedFields":[]}}','{"metadata":{"managedFields":null}}','{"metadata":{"managedFields":[{}]}}','{"metadata":{"generateName":"g-"}}','{"metadata":{"extra":1}}','{"kind":"Bar"}','{"kind":null}','{"kind":""}','{"apiVersion":"v1"}','{"apiVersion":"hello.zeng.dev/v1"}','{"apiVersion":null}','{"apiVersion":""}','{"kind":"Foo","apiVersion":"hello.zeng.dev/v2"}','{"status":{"phase":"Odd"}}','{"status":null}','{"status":{"phase":null}}','{"status":{"conditions":null}}','{"status":{"conditions":[]}}','{"status":{"conditions":[{"type":"Worker"}]}}','{"status":{"conditions":[{}]}}','{"status":{"conditions":[null]}}','{"status":{"conditions":["x"]}}','{"status":{"conditions":[{"type":"New","status":"True","more":1}]}}','{"status":{"conditions":[{"type":"A","status":"True"},{"type":"A","status":"False"}]}}','{"$patch":"replace"}','{"$patch":"delete"}','{"$patch":"nope"}','{"spec":{"$patch":"replace","image":"r"}}','{"spec":{"$patch":"delete"}}','{"spec":{"$retainKeys":["image"],"image":"k"}}','{"spec":{"$retainKeys":["config"],"image":"k"}}','{"spec":{"$retainKeys":"image"}}','{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.com/hold"]}}','{"metadata":{"$setElementOrder/finalizers":["a.b/c","example.com/hold"],"finalizers":["a.b/c"]}}','{"metadata":{"$setElementOrder/finalizers":["a.b/c"],"finalizers":["a.b/d"]}}','{"status":{"$setElementOrder/conditions":[{"type":"Config"},{"type":"Worker"}]}}','{"status":{"conditions":[{"$patch":"delete","type":"Worker"}]}}','{"status":{"conditions":[{"$patch":"replace"},{"type":"Z","status":"True"}]}}','{"status":{"conditions":[{"$patch":"merge","type":"Z"}]}}','{"status":{"conditions":[{"$patch":"delete"}]}}','{"metadata":{"labels":{"$patch":"replace","only":"me"}}}','{"metadata":{"ownerReferences":[{"$patch":"delete","uid":"u"}]}}']:
        for h in (MERGE,STRATEGIC):
            if '$' in p and h is MERGE and 'conditions' not in p: continue
            case.send("PATCH",V2+"/a?dryRun=All",p,h)
        if '"' in p and p.startswith('{'):
            case.send("PATCH",V2+"/a/status?dryRun=All",p,STRATEGIC)
            case.send("PATCH",V2+"/a?dryRun=All&fieldValidation=Strict",p,MERGE)
            case.send("PATCH",V2+"/a?dryRun=All&fieldValidation=Strict",p,STRATEGIC)
            case.send("PATCH",V1+"/v?dryRun=All",p,STRATEGIC)
            case.send("PATCH",V2+"/a/config?dryRun=All",p,MERGE)
    for b in ['[]','{}','null','[{}]','[1]','[null]','[{"op":"add","path":"/spec/image","value":"n"}]','[{"op":"replace","path":"/spec/image","value":"n"}]','[{"op":"remove","path":"/spec/image"}]','[{"op":"remove","path":"/spec/nope"}]','[{"op":"replace","path":"/spec/nope","value":1}]','[{"op":"test","path":"/spec/image","value":"zzz"}]','[{"op":"test","path":"/spec/image","value":"nginx:1.25"}]','[{"op":"test","path":"/spec/nope","value":null}]','[{"op":"test","path":"/spec/nope","value":1}]','[{"op":"copy","from":"/spec/image","path":"/metadata/labels/img"}]','[{"op":"move","from":"/metadata/labels/x","path":"/metadata/labels/z"}]','[{"op":"move","from":"/nope","path":"/metadata/labels/z"}]','[{"op":"nope","path":"/spec"}]','[{"path":"/spec","value":1}]','[{"op":"add","value":1}]','[{"op":"add","path":"/spec/image"}]','[{"op":"add","path":"spec/image","value":"x"}]','[{"op":"add","path":"","value":{}}]','[{"op":"replace","path":"","value":{}}]','[{"op":"replace","path":"","value":{"apiVersion":"hello.zeng.dev/v2","kind":"Foo","metadata":{"name":"a"}}}]','[{"op":"remove","path":""}]','[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/more"}]','[{"op":"add","path":"/metadata/finalizers/0","value":"example.com/more"}]','[{"op":"add","path":"/metadata/finalizers/7","value":"example.com/more"}]','[{"op":"remove","path":"/metadata/finalizers/0"}]','[{"op":"remove","path":"/metadata/finalizers/-1"}]','[{"op":"add","path":"/metadata/annotations/a~1b","value":"s"}]','[{"op":"add","path":"/metadata/labels","value":null}]','[{"op":"remove","path":"/metadata"}]','[{"op":"remove","path":"/metadata/name"}]','[{"op":"remove","path":"/metadata/uid"}]','[{"op":"remove","path":"/metadata/resourceVersion"}]','[{"op":"remove","path":"/metadata/managedFields"}]','[{"op":"remove","path":"/metadata/creationTimestamp"}]','[{"op":"replace","path":"/metadata/resourceVersion","value":"1"}]','[{"op":"replace","path":"/metadata/name","value":"b"}]','[{"op":"replace","path":"/kind","value":"Bar"}]','[{"op":"remove","path":"/kind"}]','[{"op":"remove","path":"/apiVersion"}]','[{"op":"add","path":"/spec/extra","value":1}]','[{"op":"add","path":"/spec/image","value":1}]','[{"op":"add","path":"/spec/image","value":null}]','[{"op":"add","path":"/status/conditions/-","value":{"type":"Z","status":"True"}}]','[{"op":"add","path":"/status/conditions/0/status","value":"Unknown"}]','[{"op":"add","path":"/a/b/c","value":1}]','[{"op":"add","path":"/spec/config/msg/x","value":1}]','[{"op":"add","path":"/spec/image","value":"a","extra":1}]','[{"op":"add","op":"remove","path":"/spec/image","value":"a"}]','[{"op":1,"path":"/spec"}]','[{"op":"add","path":1,"value":1}]','[{"op":"add","path":null,"value":1}]','{"op":"add"}','"x"','[{"op":"add","path":"/spec/image","value":"one"},{"op":"test","path":"/spec/image","value":"one"},{"op":"remove","path":"/spec/config/msg1"}]','[']:
        case.send("PATCH",V2+"/a?dryRun=All",b,JSON_PATCH)
        case.send("PATCH",V2+"/a?dryRun=All&fieldValidation=Strict",b,JSON_PATCH)
        case.send("PATCH",V2+"/a?dryRun=All&fieldValidation=Ignore",b,JSON_PATCH)
        case.send("PATCH",V2+"/a/status?dryRun=All",b,JSON_PATCH)
        case.send("PATCH",V1+"/v?dryRun=All",b,JSON_PATCH)
    for ct in ("","application/json","application/yaml","text/plain","application/merge-patch+json; charset=utf-8","application/merge-patch+json;x=y","APPLICATION/MERGE-PATCH+JSON","application/apply-patch+cbor","application/strategic-merge-patch+json,application/json","nonsense","*/*"):
        for n in ("a","nope"):
            case.send("PATCH",V2+"/"+n+"?dryRun=All","{}",{"Content-Type":ct})
    for h in (MERGE,STRATEGIC,JSON_PATCH):
        for n in ("nope","Bad_Name","%2e","x"*260):
            case.send("PATCH",V2+"/"+n,"[]" if h is JSON_PATCH else "{}",h); case.send("PATCH",V2+"/"+n+"/status","[]" if h is JSON_PATCH else "{}",h); case.send("PATCH",V2+"/"+n+"/config","[]" if h is JSON_PATCH else "{}",h)
        case.send("PATCH",V2+"/a/base64","{}",h); case.send("PATCH",V2+"/a/nope","{}",h); case.send("PATCH",V1+"/a/status","{}",h); case.send("PATCH",V1+"/a/config","{}",h); case.send("PATCH",V2,"{}",h)
        for q in ("dryRun=Nope","fieldValidation=Nope","force=true","force=x","fieldManager="+"x"*129,"fieldManager=a%01","fieldManager=me","dryRun=","fieldValidation=","pretty=true","timeout=x","timeout=5s"):
            case.send("PATCH",V2+"/a?"+q,"[]" if h is JSON_PATCH else "{}",h)


def objects(case):
    """Bodies, names, formats, options and methods of create, read and update."""
    names=["a","A","a.b","a-b","a_b","-a","a-","a.","..","é","x"*253,"x"*254,"a b","a:b","a,b","a%b","a?b","1","0a","%2f"]
    for n in names:
        case.send("POST",V2,foo(n)); case.send("GET",V2+"/"+quote(n,safe="")); case.send("DELETE",V2+"/"+quote(n,safe=""))
    c=case.send("POST",V2,foo("a"),id="c")
    bodies=[{}, {"metadata":{}}, {"metadata":{"name":"b"}}, {"kind":"Foo"}, {"apiVersion":"hello.zeng.dev/v2"}, {"kind":"Foo","apiVersion":"v1"}, {"kind":"Bar","apiVersion":"hello.zeng.dev/v2"},{"kind":"FooList","apiVersion":"hello.zeng.dev/v2"},{"kind":"Config","apiVersion":"hello.zeng.dev/v2"},{"kind":"DeleteOptions","apiVersion":"v1"},{"kind":"Foo","apiVersion":"hello.zeng.dev/v1","metadata":{"name":"b"}},{"kind":"Foo","apiVersion":"hello.zeng.dev/v3"},{"kind":"Foo","apiVersion":"hello.zeng.dev"},{"kind":"Foo","apiVersion":"a/b/c"},{"kind":"","apiVersion":""},{"kind":None,"apiVersion":None},{"kind":1},{"apiVersion":1},{"kind":[]},{"Kind":"Foo"},{"metadata":None},{"metadata":[]},{"metadata":"x"},{"spec":None},{"spec":[]},{"spec":"x"},{"spec":1},{"status":None},{"status":[]},{"spec":{"image":None,"config":None}},{"spec":{"image":1}},{"spec":{"image":True}},{"spec":{"image":[]}},{"spec":{"image":{}}},{"spec":{"image":1.5}},{"spec":{"config":[]}},{"spec":{"config":"x"}},{"spec":{"config":{"msg":1}}},{"spec":{"Image":"x"}},{"spec":{"IMAGE":"x","image":"y","config":{"msg":"m"}}},{"extra":1},{"extra":{"a":{"b":1}},"spec":{"x":1,"config":{"y":2}}},{"items":[]},{"":1},{"metadata":{"name":"b","labels":{"a":None}}},{"metadata":{"name":"b","labels":{"a":1}}},{"metadata":{"name":"b","labels":[]}},{"metadata":{"name":"b","labels":"x"}},{"metadata":{"name":"b","annotations":{"a":True}}},{"metadata":{"name":"b","finalizers":[1]}},{"metadata":{"name":"b","finalizers":{}}},{"metadata":{"name":1}},{"metadata":{"name":None}},{"metadata":{"name":["b"]}},{"metadata":{"name":"b","creationTimestamp":"x"}},{"metadata":{"name":"b","creationTimestamp":1}},{"metadata":{"name":"b","creationTimestamp":""}},{"metadata":{"name":"b","creationTimestamp":"2001-01-01T00:00:00.5Z"}},{"metadata":{"name":"b","creationTimestamp":"2001-01-01T00:00:00+02:00"}},{"metadata":{"name":"b","deletionTimestamp":"2001-01-01T00:00:00Z"}},{"metadata":{"name":"b","generation":"1"}},{"metadata":{"name":"b","generation":1.0}},{"metadata":{"name":"b","generation":1e3}},{"metadata":{"name":"b","generation":99999999999999999999}},{"metadata":{"name":"b","generation":-1}},{"metadata":{"name":"b","deletionGracePeriodSeconds":-1}},{"metadata":{"name":"b","uid":"x"}},{"metadata":{"name":"b","uid":1}},{"metadata":{"name":"b","selfLink":"/x"}},{"metadata":{"name":"b","resourceVersion":""}},{"metadata":{"name":"b","resourceVersion":"0"}},{"metadata":{"name":"b","resourceVersion":"x"}},{"metadata":{"name":"b","resourceVersion":1}},{"metadata":{"name":"b","namespace":""}},{"metadata":{"name":"b","namespace":"other"}},{"metadata":{"name":"b","namespace":None}},{"metadata":{"name":"b","namespace":1}},{"metadata":{"name":"b","generateName":"b-"}},{"metadata":{"generateName":""}},{"metadata":{"generateName":"Bad_"}},{"metadata":{"generateName":1}},{"metadata":{"generateName":"x"*300}},{"metadata":{"name":"b","clusterName":"x"}},{"metadata":{"name":"b","managedFields":[]}},{"metadata":{"name":"b","managedFields":[{}]}},{"metadata":{"name":"b","managedFields":[{"manager":"m","operation":"Update","apiVersion":"hello.zeng.dev/v2","time":"2024-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:image":{}}}}]}},{"metadata":{"name":"b","managedFields":[{"operation":"Nope"}]}},{"metadata":{"name":"b","managedFields":"x"}},{"metadata":{"name":"b","ownerReferences":[{}]}},{"metadata":{"name":"b","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":True},{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":True}]}},{"metadata":{"name":"b","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":True},{"apiVersion":"v1","kind":"Pod","name":"q","uid":"v","controller":True}]}},{"metadata":{"name":"b","finalizers":["orphan","foregroundDeletion"]}},{"metadata":{"name":"b","finalizers":["a","b c",""]}},{"metadata":{"name":"b","labels":{"":"x","/a":"x","a/":"x","A.b/c":"x","a.b/"+"c"*64:"x","k":"-x","l":"x"*64,"m":"é"}}},{"metadata":{"name":"b","annotations":{"":"x","/a":"x","A.B/c":"x","a b":"y"}}}]
    for b in bodies:
        for base,v in ((V2,"v2"),(V1,"v1")):
            full=foo("b",v); 
            for k,x in b.items():
                if k=="metadata" and isinstance(x,dict): full["metadata"]=dict(full["metadata"],**x)
                elif k=="spec" and isinstance(x,dict) and v=="v2" and "image" not in x and x: full["spec"]=dict(full["spec"],**x)
                else: full[k]=x
            if base==V1 and len(case.steps)%3: continue
            for q in ("?dryRun=All","?dryRun=All&fieldValidation=Strict"):
                case.send("POST",base+q,full)
        case.send("POST",V2+"?dryRun=All",b)
        f2=json.loads(json.dumps(full)) if len(v) < 0 else None
        g=foo("a",resourceVersion=version_of("c"))
        for k,x in b.items():
            if k=="metadata" and isinstance(x,dict): g["metadata"]=dict(g["metadata"],**{kk:vv for kk,vv in x.items() if kk!="name"})
            else: g[k]=x
        case.send("PUT",V2+"/a?dryRun=All",g)
        case.send("PUT",V2+"/a?dryRun=All&fieldValidation=Strict",g)
        if "status" in b or "spec" in b or "metadata" in b: case.send("PUT",V2+"/a/status?dryRun=All",g)
    for t in ("","{","[]","null","1",'"x"',"{}","{not json","true","{}{}",'{"a":1,}','\ufeff{}','{"metadata":{"name":"a"}} x','{"kind":"Foo","apiVersion":"hello.zeng.dev/v2","metadata":{"name":"z"},"spec":{"image":"a","image":"b","config":{"msg":"m","msg":"n"}}}',"{'a':1}",'{"kind":"Foo","metadata":{"name":"\\ud800"}}','\x01'):
        for m,p in (("POST",V2+"?dryRun=All"),("PUT",V2+"/a?dryRun=All"),("DELETE",V2+"/zz?dryRun=All"),("DELETE",V2+"?dryRun=All&labelSelector=zz"),("POST",V2+"/a/base64"),("PUT",V2+"/a/config"),("PUT",V2+"/a/status?dryRun=All")):
            case.send(m,p,t,{"Content-Type":"application/json"})
            if m!="DELETE" and len(case.steps)%2: case.send(m,p+("&" if "?" in p else "?")+"fieldValidation=Strict",t,{"Content-Type":"application/json"})
    for ct in ("","text/plain","application/xml","application/JSON","application/json; charset=utf-8","application/json;","*/*","application/yaml","application/json,application/yaml","application/x-yaml","text/yaml","application/merge-patch+json"):
        for m,p in (("POST",V2+"?dryRun=All"),("PUT",V2+"/a?dryRun=All"),("DELETE",V2+"/zz?dryRun=All"),("POST",V2+"/a/base64"),("PUT",V2+"/a/config?dryRun=All")):
            case.send(m,p,json.dumps(foo("a")),{"Content-Type":ct})
    for a in ("","*/*","application/*","text/html","application/yaml","application/json;q=0.5,application/yaml","application/xml","image/*,*/*;q=0.1",",","application/json;;","nonsense","application/json;version=1","application/yaml;q=0"):
        for m,p,b in (("GET",V2+"/a",None),("GET",V2,None),("GET",V2+"/nope",None),("POST",V2+"?dryRun=All",foo("m")),("PUT",V2+"/a?dryRun=All",foo("a")),("DELETE",V2+"/nope",None),("GET",V2+"/a/status",None),("GET",V2+"/a/config",None),("POST",V2+"/a/base64",{}),("GET","/apis",None),("GET","/apis/hello.zeng.dev/v2",None),("GET",V2+"?watch=1&timeoutSeconds=1&resourceVersion=0&labelSelector=zzz",None)):
            case.send(m,p,b,{"Accept":a})
    for q in ("dryRun=Nope","dryRun=","dryRun=All&dryRun=All","fieldManager=","fieldManager="+"x"*129,"fieldManager=a%0ab","fieldValidation=Nope","fieldValidation=","fieldValidation=strict","pretty=1","pretty=","timeout=x","timeout=5s","timeout=-1s","timeout=0","timeoutSeconds=x","export=true","exact=true","resourceVersion=x","limit=x","watch=true","kind=x","unknown=1"):
        for m,p,b in (("POST",V2,foo("q")),("PUT",V2+"/a",foo("a")),("GET",V2+"/a",None),("GET",V2,None),("DELETE",V2+"/zzz",None),("GET",V2+"/a/status",None),("GET",V2+"/a/config",None),("POST",V2+"/a/base64",{})):
            case.send(m,p+"?"+q,b)
    for m in ("HEAD","OPTIONS","FOO","TRACE","PUT","POST","PATCH","DELETE","CONNECT"):
        for p in (V2,V2+"/a",V2+"/a/status",V2+"/a/config",V2+"/a/base64",V2+"/a/nope","/apis/hello.zeng.dev/v2/foos","/apis/hello.zeng.dev/v2/bars","/apis/hello.zeng.dev/v2","/apis","/healthz","/nope"):
            if m in("HEAD","CONNECT"): continue
            if m=="DELETE" and p in (V2,"/apis/hello.zeng.dev/v2/foos"): continue
            case.send(m,p,None if m in ("HEAD","OPTIONS","TRACE","DELETE") else {},MERGE if m=="PATCH" else None)


def deletions(case):
    """Deletions: policies, options, preconditions, finalizers, collections."""
    def mk(n,**k): return case.send("POST",V2,foo(n,**k))
    pols=["Foreground","Background","Orphan","Nope",""]
    i=0
    for p in pols:
        for f in (None,["example.com/hold"],["orphan"],["foregroundDeletion"],["example.com/hold","orphan"]):
            n="d%d"%i; i+=1
            mk(n,**({"finalizers":f} if f else {}))
            case.send("DELETE",V2+"/"+n+"?propagationPolicy="+p); case.send("DELETE",V2+"/"+n+"?propagationPolicy=Background"); case.send("GET",V2+"/"+n); case.send("DELETE",V2+"/"+n,{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Orphan"}); case.send("GET",V2+"/"+n); case.send("PATCH",V2+"/"+n,{"metadata":{"finalizers":None}},MERGE); case.send("GET",V2+"/"+n)
    for q in ("orphanDependents=true","orphanDependents=false","orphanDependents=x","orphanDependents=","orphanDependents=true&propagationPolicy=Orphan","gracePeriodSeconds=0","gracePeriodSeconds=30","gracePeriodSeconds=-1","gracePeriodSeconds=x","gracePeriodSeconds=","gracePeriodSeconds=1.5","dryRun=All","dryRun=Nope","dryRun=","uid=x","resourceVersion=1","resourceVersion=x","preconditions.uid=x","preconditions=x","ignoreStoreReadErrorWithClusterBreakingPotential=true","pretty=true","timeout=5s","fieldManager=x","propagationPolicy=Foreground&dryRun=All","unknown=1"):
        n="q%d"%i; i+=1
        c=mk(n); case.send("DELETE",V2+"/"+n+"?"+q); case.send("GET",V2+"/"+n); case.send("DELETE",V2+"/nope?"+q)
    bodies=[{},{"kind":"DeleteOptions"},{"apiVersion":"v1"},{"kind":"DeleteOptions","apiVersion":"v1"},{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/v1"},{"kind":"DeleteOptions","apiVersion":"hello.zeng.dev/v2"},{"kind":"DeleteOptions","apiVersion":"hello.zeng.dev/v1"},{"kind":"DeleteOptions","apiVersion":"nope/v1"},{"kind":"DeleteOptions","apiVersion":"v2"},{"kind":"Foo","apiVersion":"hello.zeng.dev/v2"},{"kind":"Status","apiVersion":"v1"},{"kind":"Nope","apiVersion":"v1"},{"kind":1},{"apiVersion":"a/b/c"},{"gracePeriodSeconds":0},{"gracePeriodSeconds":30},{"gracePeriodSeconds":-1},{"gracePeriodSeconds":"x"},{"gracePeriodSeconds":1.5},{"gracePeriodSeconds":None},{"propagationPolicy":"Orphan"},{"propagationPolicy":"Nope"},{"propagationPolicy":""},{"propagationPolicy":None},{"propagationPolicy":1},{"orphanDependents":True},{"orphanDependents":False},{"orphanDependents":"x"},{"orphanDependents":True,"propagationPolicy":"Orphan"},{"dryRun":["All"]},{"dryRun":["Nope"]},{"dryRun":[]},{"dryRun":"All"},{"dryRun":None},{"dryRun":["All","All"]},{"preconditions":{"uid":"x"}},{"preconditions":{"uid":""}},{"preconditions":{"resourceVersion":"1"}},{"preconditions":{"resourceVersion":""}},{"preconditions":{"resourceVersion":"x"}},{"preconditions":{}},{"preconditions":None},{"preconditions":[]},{"preconditions":"x"},{"preconditions":{"uid":1}},{"preconditions":{"extra":1}},{"extra":1},{"Kind":"DeleteOptions"},{"ignoreStoreReadErrorWithClusterBreakingPotential":True},{"metadata":{}}]
    for b in bodies:
        n="b%d"%i; i+=1
        c=mk(n); case.send("DELETE",V2+"/"+n,b); case.send("GET",V2+"/"+n); case.send("DELETE",V2+"/nope",b); case.send("DELETE",V2+"?labelSelector=none",b)
        if len(case.steps)%2: case.send("DELETE",V1+"/"+n,dict(b,kind=b.get("kind","DeleteOptions")))
    c=mk("pre"); case.send("DELETE",V2+"/pre",{"preconditions":{"uid":"${%s:.metadata.uid}"%c,"resourceVersion":"1"}}); case.send("DELETE",V2+"/pre",{"preconditions":{"uid":"${%s:.metadata.uid}"%c,"resourceVersion":version_of(c)},"dryRun":["All"]}); case.send("DELETE",V2+"/pre?uid=${%s:.metadata.uid}"%c)
    for t,h in (("kind: DeleteOptions\napiVersion: v1\npropagationPolicy: Orphan\n",YAML),("propagationPolicy: [",YAML),("x",{"Content-Type":"text/plain"}),("",YAML),("null",YAML),("{}",{"Content-Type":"application/json; charset=utf-8"})):
        c=mk("y%d"%i); case.send("DELETE",V2+"/y%d"%i,t,h); case.send("GET",V2+"/y%d"%i); case.send("DELETE",V2+"?dryRun=All",t,h); i+=1
    for s in ("status","config","base64","nope"): case.send("DELETE",V2+"/pre/"+s)
    case.send("DELETE",V2+"/Bad_Name"); case.send("DELETE",V2+"/%2e%2e"); case.send("DELETE","/apis/hello.zeng.dev/v2/foos"); case.send("DELETE","/apis/hello.zeng.dev/v2/foos/a"); case.send("DELETE","/apis/hello.zeng.dev/v3/namespaces/x/foos/a")
    # terminating objects
    c=mk("t",finalizers=["example.com/hold","example.com/two"]); case.send("DELETE",V2+"/t",id="tdel")
    case.send("PUT",V2+"/t",foo("t",resourceVersion=version_of("tdel"),finalizers=["example.com/hold","example.com/three"])); case.send("PUT",V2+"/t",foo("t",resourceVersion=version_of("tdel"),finalizers=["example.com/hold"]),id="tput"); case.send("POST",V2,foo("t")); case.send("PATCH",V2+"/t?fieldManager=x",json.dumps(foo("t",labels={"l":"m"})),APPLY); case.send("PATCH",V2+"/t",{"spec":{"image":"late"}},MERGE); case.send("PATCH",V2+"/t/status",{"status":{"phase":"Late"}},MERGE); case.send("PATCH",V2+"/t/config",{"spec":{"msg":"late"}},MERGE); case.send("PATCH",V2+"/t",{"metadata":{"deletionTimestamp":None}},MERGE); case.send("PATCH",V2+"/t",{"metadata":{"deletionGracePeriodSeconds":10}},MERGE); case.send("PATCH",V2+"/t",{"metadata":{"deletionTimestamp":"2001-01-01T00:00:00Z"}},MERGE); case.send("DELETE",V2+"/t?gracePeriodSeconds=5"); case.send("DELETE",V2+"/t",{"preconditions":{"uid":"x"}}); case.send("DELETE",V2+"/t?dryRun=All"); case.send("PATCH",V2+"/t/status",{"metadata":{"finalizers":[]}},MERGE); case.send("GET",V2+"/t"); case.send("PATCH",V2+"/t",{"metadata":{"finalizers":[]}},MERGE); case.send("GET",V2+"/t")
    # collections
    for n,l in (("x","1"),("y","1"),("z","2"),("w","2")): mk(n,labels={"g":l},**({"finalizers":["example.com/hold"]} if n=="w" else {}))
    for q in ("labelSelector=g%3D9","labelSelector=a%3D%3D%3D","fieldSelector=spec.image%3Dx","limit=x","resourceVersion=x","resourceVersionMatch=Nope","resourceVersionMatch=Exact","continue=abc","timeoutSeconds=x","propagationPolicy=Nope","gracePeriodSeconds=x","dryRun=Nope","limit=1&dryRun=All","dryRun=All","dryRun=All&fieldSelector=metadata.name%3Dx","watch=true","sendInitialEvents=true","limit=1","labelSelector=g%3D1&limit=1","fieldSelector=metadata.name%3Dz","orphanDependents=false","propagationPolicy=Foreground",""):
        case.send("DELETE",V2+"?"+q); case.send("GET",V2+"?limit=100")


def lists(case):
    """Pages, resource versions and selectors."""
    ids={}
    for n,l in (("a",{"app":"web","tier":"front"}),("b",{"app":"web"}),("c",{"app":"db","tier":"back"}),("d",{}),("e",None),("f",{"app":"","x.y/z":"1"})):
        ids[n]=case.send("POST",V2,foo(n,**({"labels":l} if l is not None else {})))
    p1=case.send("GET",V2+"?limit=2",id="p1"); p2=case.send("GET",V2+"?limit=2&continue=${p1:.metadata.continue}",id="p2"); 
    case.send("GET",V2+"?limit=2&continue=${p2:.metadata.continue}",id="p3")
    for q in ("limit=0","limit=1","limit=6","limit=7","limit=500","limit=-1","limit=x","limit=","limit=1.5","limit=99999999999999999999","limit=2&continue=","limit=2&continue=abc","limit=2&continue=AAAA","limit=2&continue=${p1:.metadata.continue}x","continue=${p1:.metadata.continue}","continue=${p2:.metadata.continue}&limit=1","limit=3&continue=${p1:.metadata.continue}&resourceVersion=0","limit=3&continue=${p1:.metadata.continue}&resourceVersion=1","limit=3&continue=${p1:.metadata.continue}&resourceVersionMatch=Exact","limit=3&continue=${p1:.metadata.continue}&resourceVersionMatch=NotOlderThan","limit=3&continue=${p1:.metadata.continue}&labelSelector=app","limit=3&continue=${p1:.metadata.continue}&fieldSelector=metadata.name!%3Dd","limit=2&labelSelector=app","limit=1&labelSelector=app%3Dweb","limit=2&fieldSelector=metadata.name!%3Da","limit=1&fieldSelector=metadata.name%3Da","limit=2&resourceVersion=0","limit=2&resourceVersion="+version_of(ids["c"]),"limit=2&resourceVersion="+version_of(ids["c"])+"&resourceVersionMatch=Exact","limit=2&resourceVersion="+version_of(ids["c"])+"&resourceVersionMatch=NotOlderThan","resourceVersion="+version_of(ids["c"])+"&resourceVersionMatch=Exact","resourceVersion="+version_of(ids["c"])+"&resourceVersionMatch=NotOlderThan","resourceVersion="+version_of(ids["c"]),"resourceVersion=0","resourceVersion=0&resourceVersionMatch=Exact","resourceVersion=0&resourceVersionMatch=NotOlderThan","resourceVersion=999999999","resourceVersion=999999999&limit=1","resourceVersion=999999999&resourceVersionMatch=Exact","resourceVersion=x","resourceVersion=-1","resourceVersion=1","resourceVersion=1&limit=2","resourceVersion=1&resourceVersionMatch=Exact","resourceVersionMatch=Exact","resourceVersionMatch=NotOlderThan","resourceVersionMatch=Nope","resourceVersion=1&resourceVersionMatch=Nope","resourceVersion=1&resourceVersionMatch=","sendInitialEvents=true","sendInitialEvents=false","allowWatchBookmarks=true","timeoutSeconds=5","timeoutSeconds=0","timeoutSeconds=-1","timeoutSeconds=x","shardSelector=x"):
        for base in (V2,):
            case.send("GET",base+"?"+q)
            if len(case.steps)%3==0: case.send("GET",base+"?"+q,None,{"Accept":TABLE}); case.send("GET",V1+"?"+q)
            if len(case.steps)%4==0: case.send("GET",base+"/a?"+q.replace("limit=2&",""))
    case.send("DELETE",V2+"/c"); case.send("GET",V2+"?limit=2&continue=${p1:.metadata.continue}"); case.send("GET",V2+"?limit=2&continue=${p2:.metadata.continue}")
    case.send("GET",V2+"?fieldSelector=metadata.name%3Dc&limit=2&resourceVersion="+version_of(ids["d"])); case.send("GET",V2+"?fieldSelector=metadata.name%3Dc&resourceVersion="+version_of(ids["d"])+"&resourceVersionMatch=Exact"); case.send("GET",V2+"?fieldSelector=metadata.name%3Dc,metadata.namespace%3D@ns@&resourceVersion="+version_of(ids["d"])+"&resourceVersionMatch=Exact")
    S="app=web|app!=web|app in (web,db)|app notin (db)|tier|!tier|app=web,tier=front|app==db|app=|app!=|app in ()|app in (|app===|a b||,|app=web,|,app|bad key!=x|app>1|app<x|app>1,app<5|x.y/z=1|x.y/z>0|app gt 1|app=bad!value|app in (web|!|=web|app exists|(app)|app in (web,,db)|app in (,)|a/b/c=x|/x=y|x/=y| app = web |app in(web)|app notin(web),tier|!app=web|app,!app|app>=1|app=é|in|notin|in in (in)|app in web|app in (web))|app in (web) x|x notin ()|app=web app=db|app=web;tier|app='web'|app=\"web\"|!!app|! app|app ! = web|app in (web,db),tier notin (front),!zone|app=x"+"y"*63+"|A=b|app=WEB|-a=b|a.=b|app=.x|app=x.|app=_"
    for q in S.split("|"):
        case.send("GET",V2+"?labelSelector="+quote(q)); 
        if len(case.steps)%5==0: case.send("GET","/apis/hello.zeng.dev/v1/namespaces/@ns@/foos?limit=1&labelSelector="+quote(q))
    F="metadata.name=a|metadata.name!=a|metadata.namespace=@ns@|metadata.namespace=x|metadata.namespace!=@ns@|metadata.name=a,metadata.name=b|metadata.name=a,metadata.name!=a|spec.image=x|metadata.name||,|a=b|metadata.name==a|metadata.name=|metadata.name!=|metadata.name=a\\,b|metadata.name=a\\x|metadata.name=a\\\\|metadata.name=a\\=b|metadata.name=a\\|metadata.uid=1|=a|!metadata.name|metadata.name=a=b|metadata.name in (a)|status.phase=Ready|metadata.labels.app=web| metadata.name=a|metadata.name =a|metadata.name= a|metadata.name=a |metadata.name=a,|,metadata.name=a|metadata.name=a;b|metadata.Name=a|name=a|metadata.name=A|metadata.name>a|metadata.name=a,metadata.namespace=@ns@|metadata.name=a,spec.x=y|metadata.name=é|metadata.name=a%b"
    for q in F.split("|"):
        for v in (V2,V1) if len(case.steps)%4==0 else (V2,):
            case.send("GET",v+"?fieldSelector="+quote(q)); 
        if len(case.steps)%3==0: case.send("GET","/apis/hello.zeng.dev/v2/foos?limit=1&fieldSelector=metadata.namespace%3D@ns@,"+quote(q))
        if len(case.steps)%3==1: case.send("DELETE",V2+"?dryRun=All&fieldSelector="+quote(q))
        if len(case.steps)%7==1: case.send("GET",V2+"/a?fieldSelector="+quote(q))
    case.send("GET",V2+"?labelSelector=app%3Dweb&labelSelector=app%3Ddb"); case.send("GET",V2+"?labelSelector=app%3Dweb&fieldSelector=metadata.name%3Db"); case.send("GET",V2+"?labelselector=app%3Dweb")


def subresources(case):
    """Status, config and base64."""
    c=case.send("POST",V2,foo("a",status={"phase":"Ready"}),id="c")
    cv=case.send("POST",V1,foo("v","v1"),id="cv")
    def cfg(n="a",**k): return {"apiVersion":"hello.zeng.dev/v2","kind":"Config","metadata":dict({"name":n},**k),"spec":{"msg":"m","msg1":"x"}}
    for s in ("status","config"):
        for p in (V2+"/a/"+s,V2+"/nope/"+s,V1+"/a/"+s,V2+"/Bad_Name/"+s,V2+"/%2e/"+s):
            case.send("GET",p); case.send("GET",p,None,{"Accept":TABLE}); case.send("GET",p,None,{"Accept":PARTIAL}); case.send("GET",p,None,{"Accept":PARTIAL_LIST}); case.send("GET",p,None,{"Accept":"application/yaml"}); case.send("GET",p+"?resourceVersion=0"); case.send("GET",p+"?resourceVersion=999999999"); case.send("GET",p+"?pretty=true"); case.send("POST",p,foo("a")); case.send("DELETE",p)
    case.send("PUT",V2+"/a/status",foo("a",status={"phase":"One"})); case.send("PUT",V2+"/a/status",foo("a",status={"phase":"Two"},resourceVersion=version_of("c")),id="st1"); case.send("PUT",V2+"/a/status",foo("a",status={"phase":"Three"},resourceVersion=version_of("c")))
    b=foo("a",status={"phase":"Four","conditions":[{"type":"Worker","status":"True"}]},resourceVersion=version_of("st1"),labels={"via":"status"},annotations={"k":"v"},finalizers=["example.com/x"],ownerReferences=[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"}]); b["spec"]={"image":"ignored"}
    case.send("PUT",V2+"/a/status",b,id="st2"); case.send("GET",V2+"/a"); case.send("PUT",V2+"/a/status?dryRun=All",foo("a",status={"phase":"Dry"},resourceVersion=version_of("st2"))); case.send("PUT",V2+"/nope/status",foo("nope",status={})); case.send("PUT",V2+"/a/status",foo("b",status={})); case.send("PUT",V2+"/a/status",cfg()); case.send("PUT",V2+"/a/status",{}); case.send("PUT",V2+"/a/status",foo("a",status="x",resourceVersion=version_of("st2"))); case.send("PUT",V2+"/a/status",foo("a",status={"phase":1},resourceVersion=version_of("st2"))); case.send("PUT",V2+"/a/status?fieldValidation=Strict",foo("a",status={"nope":1},resourceVersion=version_of("st2"))); case.send("PUT",V2+"/a/status",foo("a",status={"nope":1},resourceVersion=version_of("st2"))); case.send("PUT",V2+"/a/status",{"apiVersion":"hello.zeng.dev/v2","kind":"Foo","metadata":{"name":"a","resourceVersion":version_of("st2")}},id="st3"); case.send("PUT",V2+"/a/status",foo("a",status={"conditions":[{"type":"A","status":"1"},{"type":"A","status":"2"}]},resourceVersion=version_of("st3")),id="st4"); case.send("PUT",V2+"/a/status",foo("a",status={"phase":"x"},resourceVersion=version_of("st4"),finalizers=[]),id="st5")
    case.send("PATCH",V2+"/a/status",{"spec":{"image":"no"},"metadata":{"labels":{"z":"1"}}},MERGE); case.send("PATCH",V2+"/a/status?fieldManager=ctl",json.dumps({"apiVersion":"hello.zeng.dev/v2","kind":"Foo","metadata":{"name":"a"},"status":{"phase":"Applied"}}),APPLY); case.send("PATCH",V2+"/a/status?fieldManager=ctl&force=true",json.dumps({"apiVersion":"hello.zeng.dev/v2","kind":"Foo","metadata":{"name":"a"},"status":{"phase":"Applied","conditions":[{"type":"W","status":"T"}]},"spec":{"image":"tried"}}),APPLY); case.send("PATCH",V2+"/a/status?fieldManager=other",json.dumps({"apiVersion":"hello.zeng.dev/v2","kind":"Foo","metadata":{"name":"a"},"status":{"phase":"Else"}}),APPLY); case.send("PATCH",V2+"/nope/status?fieldManager=ctl",json.dumps({"apiVersion":"hello.zeng.dev/v2","kind":"Foo","metadata":{"name":"nope"},"status":{"phase":"Applied"}}),APPLY); case.send("GET",V2+"/a")
    case.send("PUT",V2+"/a/config",cfg()); case.send("GET",V2+"/a/config",id="g"); case.send("PUT",V2+"/a/config",cfg(resourceVersion=version_of("g")),id="cf1"); case.send("PUT",V2+"/a/config",cfg(resourceVersion=version_of("c"))); case.send("PUT",V2+"/a/config",cfg(resourceVersion=version_of("cf1"))); case.send("PUT",V2+"/nope/config",cfg("nope")); case.send("PUT",V2+"/a/config",cfg("b")); case.send("PUT",V2+"/a/config",{}); case.send("PUT",V2+"/a/config",{"spec":{"msg":"q"}}); case.send("PUT",V2+"/a/config",{"metadata":{"name":"a"},"spec":{"msg":"q"}}); case.send("PUT",V2+"/a/config",foo("a")); case.send("PUT",V2+"/a/config",dict(cfg(),spec={"msg":1})); case.send("PUT",V2+"/a/config?fieldValidation=Strict",dict(cfg(),spec={"msg":"a","x":1})); case.send("PUT",V2+"/a/config",dict(cfg(),spec={"msg":"a","x":1})); case.send("PUT",V2+"/a/config?dryRun=All",dict(cfg(),spec={"msg":"dry"})); case.send("PUT",V2+"/a/config",dict(cfg(),spec=None)); case.send("PUT",V2+"/a/config",dict(cfg(),apiVersion="hello.zeng.dev/v1")); case.send("PUT",V2+"/a/config",cfg(uid="x")); case.send("PUT",V2+"/a/config",cfg(namespace="other")); case.send("PUT",V2+"/a/config",cfg(labels={"l":"x"})); case.send("PUT",V2+"/a/config",json.dumps(cfg()),YAML); case.send("GET",V2+"/a")
    for p in ('{"spec":{"msg":"p"}}','{"spec":{"msg":null}}','{}','{"spec":null}','{"metadata":{"name":"b"}}','{"metadata":{"resourceVersion":"1"}}','{"spec":{"x":1}}','{"spec":{"msg":1}}','{"metadata":{"labels":{"a":"b"}}}','{"kind":"Foo"}'):
        for h in (MERGE,STRATEGIC): case.send("PATCH",V2+"/a/config",p,h); case.send("PATCH",V2+"/nope/config",p,h); case.send("PATCH",V2+"/a/config?dryRun=All&fieldValidation=Strict",p,h)
    case.send("PATCH",V2+"/a/config",'[{"op":"replace","path":"/spec/msg","value":"j"}]',JSON_PATCH); case.send("PATCH",V2+"/a/config?fieldManager=f",json.dumps(cfg()),APPLY); case.send("PATCH",V2+"/a/config?fieldManager=f&force=true",json.dumps(cfg()),APPLY); case.send("PATCH",V2+"/nope/config?fieldManager=f",json.dumps(cfg("nope")),APPLY)
    def b64(fp=None,**m): return {"apiVersion":"transformation.zeng.dev/v1beta1","kind":"Base64","metadata":m,"spec":{} if fp is None else {"fieldPath":fp}}
    for base,n in ((V2,"a"),(V1,"v"),(V2,"v")):
        for fp in (None,"","spec","spec.config","spec.image","spec.config.msg","metadata.name","metadata.labels","metadata.namespace","status","status.phase","kind","apiVersion","nope","spec.nope","spec.","..",".spec","{.spec}","spec[0]","spec.image.x","$.spec","metadata.finalizers","metadata.finalizers.0","status.conditions"):
            case.send("POST",base+"/"+n+"/base64",b64(fp))
    for m in ({"name":"a"},{"name":"b"},{"namespace":"x"},{"namespace":"@ns@"},{"name":"a","namespace":"@ns@"},{"labels":{"a":"b"}},{"generateName":"x"},{"uid":"x"},{"resourceVersion":"5"},{"creationTimestamp":"2001-01-01T00:00:00Z"},{"finalizers":["x"]},{"annotations":{"a":"b"}},{"managedFields":[]},{"name":1}):
        case.send("POST",V2+"/a/base64",b64("spec",**m)); case.send("POST",V2+"/a/base64?dryRun=All",b64("spec",**m))
    for b in ({},{"spec":{"fieldPath":"spec"}},{"kind":"Base64"},{"apiVersion":"transformation.zeng.dev/v1beta1"},{"kind":"Base64","apiVersion":"hello.zeng.dev/v2"},{"kind":"Base64","apiVersion":"transformation.zeng.dev/v1"},{"kind":"Foo","apiVersion":"hello.zeng.dev/v2"},{"spec":{"fieldPath":1}},{"spec":None},{"spec":{"x":1}},{"status":{"output":"x"}},[],"x",None):
        case.send("POST",V2+"/a/base64",b); case.send("POST",V2+"/a/base64?fieldValidation=Strict",b); case.send("POST",V2+"/nope/base64",b)
    case.send("POST",V2+"/a/base64",b64("spec"),{"Accept":"application/yaml"}); case.send("POST",V2+"/a/base64","spec: {fieldPath: kind}",YAML)
    for m in ("GET","PUT","PATCH","DELETE"): case.send(m,V2+"/a/base64",{} if m in("PUT","PATCH") else None,MERGE if m=="PATCH" else None)
    case.send("GET",V2+"/a/status/x"); case.send("GET",V2+"/a/scale"); case.send("PUT",V2+"/a/scale",{}); case.send("GET",V2+"/a/log"); case.send("GET",V1+"/v/base64"); case.send("POST",V1+"/nope/base64",b64("spec"))


def yaml_bodies(case):
    """YAML in and out."""
    docs=["","\n","# c","---","--- \n...","null","~","a","- a","a: b","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata:\n  name: NAME\nspec:\n  image: a\n  config:\n    msg: 'yes'\n    msg1: |\n      two\n      lines\n","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: a, config: {msg: yes}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: 1, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: 1.20, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: true, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: null, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: ~, config: ~}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: &s {image: a, config: {msg: m}}\nextra: *s","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME, labels: &l {a: b}, annotations: *l}\nspec: {image: a, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata:\n  name: NAME\n  labels:\n    <<: {a: b}\n    c: d\nspec: {image: a, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: a, image: b, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: a, config: {msg: m}, extra: 1, more: {x: y}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: a, config: {msg: >-\n folded\n text\n}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata:\n\tname: NAME","a: b: c","{","{}","[]","%YAML 1.1\n---\napiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: a, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: a, config: {msg: m}}\n---\napiVersion: v1\n","---\napiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: a, config: {msg: m}}\n","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME, generation: 0x10}\nspec: {image: a, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: 12}\nspec: {image: a, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME, creationTimestamp: 2001-01-01}\nspec: {image: a, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME, creationTimestamp: 2001-01-01T00:00:00Z}\nspec: {image: a, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME, annotations: {t: 2001-01-01T00:00:00Z}}\nspec: {image: a, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME, labels: {1: b}}\nspec: {image: a, config: {msg: m}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME, labels: {true: b}}\nspec: {image: a, config: {msg: m}}","? a\n: b","!!binary aGk=","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: NAME}\nspec: {image: !!str 5, config: {msg: !!binary aGk=}}","\"a\nb: c","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: \"NAME\"}\nspec: {image: \"tab\\tand\\u00e9\", config: {msg: 'it''s'}}","apiVersion: hello.zeng.dev/v1\nkind: Foo\nmetadata: {name: NAME}\nspec: {msg: m}","{\"apiVersion\":\"hello.zeng.dev/v2\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"NAME\"},\"spec\":{\"image\":\"a\",\"config\":{\"msg\":\"m\"}}}"]
    i=0
    for d in docs:
        for q in ("","?fieldValidation=Strict","?fieldValidation=Ignore"):
            n="y%d"%i; i+=1
            case.send("POST",V2+q,d.replace("NAME",n),YAML)
            if not q: case.send("GET",V2+"/"+n,None,{"Accept":"application/yaml"}); case.send("PUT",V2+"/"+n,d.replace("NAME",n),YAML); case.send("PATCH",V2+"/"+n+"?fieldManager=m",d.replace("NAME",n),APPLY)
    vals=["yes","no","on","off","y","n","true","null","~","","1","1.5","0x1f","1e3","1_000","0o7","07","2001-01-01","2001-01-01T00:00:00Z","a: b","a #b","#a","- a","-","?","? a",":","a:","'q'","\"q\"","it's","\\","%a","@a","`a","&a","*a","!a","|","> x","[a]","{a}","a\nb","a\n","\na","a\n\nb"," a","a ","\ta","a\tb","é","☃","😀","\u2028","\u00a0","\x7f","\u0085","x"*81,"word "*30,("word "*30).strip()+"\nnext","<&>","=","<<",".","..",".5","+1","-1","1:2","12:30:45","0b1","Infinity",".inf",".nan","a,b","a]","a\\nb","\"","'","null ","Null","NULL","True","FALSE","Yes","1e","e1","1.","0","00","0.0","-0","long text with: colon and # hash "*4]
    for k,v in enumerate(vals):
        b=foo("v%d"%k); b["spec"]["config"]["msg"]=v or "e"; b["metadata"]["annotations"]={"val":v}
        case.send("POST",V2,b,{"Accept":"application/yaml"}); case.send("GET",V2+"/v%d"%k,None,{"Accept":"application/yaml"}); case.send("GET",V1+"/v%d"%k,None,{"Accept":"application/yaml"}) if k%4==0 else None
    case.send("GET",V2+"?limit=5",None,{"Accept":"application/yaml"}); case.send("GET",V2+"?labelSelector=none",None,{"Accept":"application/yaml"})


def paths(case):
    """Paths with empty, odd and unknown parts, and what is no resource."""
    empty = GROUP + "/v2/namespaces//foos"
    requests = [("GET",empty+"?fieldSelector=metadata.name=zzzz",None,{}),("POST",empty,foo(),{}),("POST",empty,foo(namespace="x1"),{}),("GET",empty+"/a",None,{}),("PUT",empty+"/a",foo(),{}),("DELETE",empty+"/a",None,{}),
    ("PATCH",empty+"/a",{},MERGE),("PATCH",empty+"/a?fieldManager=x",json.dumps(foo()),APPLY),("GET",empty+"/a/status",None,{}),("GET",empty+"/a/config",None,{}),("POST",empty+"/a/base64",{},{}),
    ("GET",empty+"?watch=1&timeoutSeconds=1&fieldSelector=metadata.name=zzzz",None,{}),("DELETE",empty+"?fieldSelector=metadata.name=zzzz",None,{}),
    ("GET","/apis/hello.zeng.dev/v2/watch/namespaces//foos?timeoutSeconds=1&fieldSelector=metadata.name=zzzz",None,{}),
    ("GET","/apis/hello.zeng.dev/v2/namespaces/foos",None,{}),("GET","/apis/hello.zeng.dev/v2/namespaces//",None,{}),("GET","/apis/hello.zeng.dev//namespaces/x/foos",None,{}),("GET","/apis//v2/namespaces/x/foos",None,{}),("GET","//apis/hello.zeng.dev/v2/namespaces/x/foos",None,{}),("GET","/apis/hello.zeng.dev/v2/namespaces/x//foos",None,{}),("GET","/apis/hello.zeng.dev/v2/namespaces/x/foos//a",None,{}),("GET","/apis/hello.zeng.dev/v2/namespaces/x/foos/a//status",None,{}),("GET","/apis/hello.zeng.dev/v2/namespaces/x/foos/a/status/",None,{}),("DELETE","/apis/hello.zeng.dev/v2/namespaces/x/foos//",None,{}),("GET","/apis/hello.zeng.dev/v2/../v1/namespaces/x/foos",None,{}),("GET","/apis/hello.zeng.dev/v2/namespaces/./foos",None,{}),("GET","/apis/hello.zeng.dev/v2/namespaces/../foos",None,{}),("GET","/apis/hello.zeng.dev/v2/namespaces/x/foos/%2e%2e",None,{}),("GET","/apis/hello.zeng.dev/v2/namespaces/%2e%2e/foos/a",None,{}),
    ("POST","/apis/hello.zeng.dev/v2/namespaces/Bad_NS/foos",foo(),{}),("GET","/apis/hello.zeng.dev/v2/namespaces/Bad_NS/foos",None,{}),("GET","/apis/hello.zeng.dev/v2/namespaces/Bad_NS/foos/a",None,{}),("PATCH","/apis/hello.zeng.dev/v2/namespaces/Bad_NS/foos/a?fieldManager=x",json.dumps(foo()),APPLY),("GET","/apis/hello.zeng.dev/v2/namespaces/a%2Fb/foos",None,{}),("POST","/apis/hello.zeng.dev/v2/namespaces/a%2Fb/foos",foo(),{}),
    ("GET","/",None,{}),("GET","/index.html",None,{}),("GET","/healthz/ping",None,{}),("GET","/healthz/nope",None,{}),("GET","/readyz/etcd",None,{}),("GET","/livez/ping",None,{}),("POST","/healthz",{}, {}),("PUT","/apis",{}, {}),("POST","/version",{}, {}),("DELETE","/openapi/v3",None,{}),("GET","/apis/",None,{}),("GET","/apis/hello.zeng.dev/",None,{}),("GET","/apis/hello.zeng.dev/v2/",None,{}),("HEAD","/apis",None,{}),("OPTIONS","/apis",None,{}),("GET","/api/",None,{}),("GET","/openapi/v2?x=1",None,{"Accept":"text/html"}),("GET","/openapi/v3/apis/nope/v1",None,{}),("GET","/openapi/v3/version",None,{}),("GET","/openapi/v3/apis/hello.zeng.dev",None,{}),("GET","/logs",None,{}),("GET","/ui",None,{}),("GET","/swagger.json",None,{}),("GET","/readyz?verbose",None,{}),("GET","/livez?verbose",None,{}),("GET","/healthz?verbose",None,{}),("GET","/readyz?exclude=etcd",None,{}),("GET","/readyz?exclude=nope&verbose",None,{}),("GET","/apis",None,{"Accept":"application/yaml"}),("GET","/apis/hello.zeng.dev",None,{"Accept":"application/yaml"}),("GET","/apis/hello.zeng.dev/v1",None,{"Accept":"application/yaml"}),("GET","/apis/hello.zeng.dev/v1",None,{"Accept":"text/html"}),("GET","/apis",None,{"Accept":"text/html"}),("GET","/apis/hello.zeng.dev",None,{"Accept":"application/json;as=Table;g=meta.k8s.io;v=v1"}),("GET","/version",None,{"Accept":"application/yaml"}),("GET","/version?pretty=false",None,{}),("GET","/apis?pretty=true",None,{}),("GET","/apis/hello.zeng.dev?pretty=1",None,{}),("GET","/apis",None,{"User-Agent":"curl/8"}),("GET","/apis",None,{"Accept":"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}),("GET","/apis",None,{"Accept":"application/yaml;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}),("GET","/api",None,{"Accept":"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}),("GET","/apis",None,{"Accept":"application/json;g=apidiscovery.k8s.io;v=v2;as=Nope"}),("GET","/apis",None,{"Accept":"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"}),("GET","/apis/hello.zeng.dev",None,{"Accept":"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"})]
    for method, path, body, headers in requests:
        case.send(method, path, body, headers)


def applies(case):
    """Server-side apply: names, versions, documents that are none, options."""
    as_yaml = {"Accept": "application/yaml"}
    requests=[("POST",V2,foo(),{}),
    ("PUT",V2+"/a",foo(resourceVersion="x"),as_yaml),("PUT",V2+"/b",foo("b",resourceVersion="x"),as_yaml),("PUT",V2+"/a",foo(resourceVersion="-1"),as_yaml),("PUT",V2+"/a",foo(resourceVersion="18446744073709551616"),as_yaml),
    ("GET",V2+"/a?resourceVersion=x",None,as_yaml),("GET",V2+"?resourceVersion=x",None,as_yaml),("GET",V2+"?resourceVersion=x&watch=1",None,as_yaml),("GET",V2+"?resourceVersion=x&watch=1",None,{}),("GET",V2+"/a/status?resourceVersion=x",None,as_yaml),("GET",V2+"/a/config?resourceVersion=x",None,as_yaml),
    ("PATCH",V2+"/a",json.dumps({"metadata":{"resourceVersion":"x"}}),dict(as_yaml,**{"Content-Type":"application/merge-patch+json"})),
    ("PATCH",V2+"/a?fieldManager=x",json.dumps(foo(resourceVersion="x")),dict(as_yaml,**APPLY)),("PATCH",V2+"/c?fieldManager=x",json.dumps(foo("c",resourceVersion="x")),dict(as_yaml,**APPLY)),
    ("PATCH",V2+"/c?fieldManager=x",json.dumps(foo("c",resourceVersion="5")),dict(as_yaml,**APPLY)),
    ("PATCH",V2+"/c?fieldManager=x",json.dumps(foo("c",uid="5")),dict(as_yaml,**APPLY)),
    ]
    n={"apiVersion":"hello.zeng.dev/v2","kind":"Foo","spec":{"image":"i","config":{"msg":"m"}}}
    for name in "ad":
        requests+=[("PATCH",V2+"/"+name+"?fieldManager=x",json.dumps(n),APPLY),("PATCH",V2+"/"+name+"?fieldManager=x",json.dumps(dict(n,metadata={})),APPLY),("PATCH",V2+"/"+name+"?fieldManager=x",json.dumps(dict(n,metadata={"name":""})),APPLY),("PATCH",V2+"/"+name+"?fieldManager=x",json.dumps(dict(n,metadata={"name":"zz"})),APPLY),
        ("PATCH",V2+"/"+name+"?fieldManager=x",json.dumps(dict(n,metadata={"name":name,"namespace":"other"})),APPLY),("PATCH",V2+"/"+name+"?fieldManager=x",json.dumps(dict(n,metadata={"name":name,"namespace":""})),APPLY),("PATCH",V2+"/"+name+"?fieldManager=x",json.dumps(dict(n,metadata={"generateName":name})),APPLY),
        ]
    for t in ("","# only","[]","1","null","~","{}","- a","kind: Foo","apiVersion: hello.zeng.dev/v2","apiVersion: 1\nkind: Foo","apiVersion: hello.zeng.dev/v2\nkind: 3","apiVersion: hello.zeng.dev/v2\nkind: Bar","apiVersion: hello.zeng.dev/v1\nkind: Foo","apiVersion: v1\nkind: Foo","apiVersion: a/b/c\nkind: Foo","---\napiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a}\n---\nx: y","{\"a\":","\"x\"", "apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a, name: a}\n","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: null\nspec: null", "apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: []\n","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a, managedFields: []}\n","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a, managedFields: null}\n","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a}\nspec: {image: 1}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a}\nspec: {image: null}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a}\nspec: {nope: 1}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a, labels: {a: 1}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a, labels: {a: null}}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a, finalizers: [x/y, x/y]}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a, ownerReferences: [{uid: a},{uid: a}]}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a}\nstatus: {conditions: [{type: Worker},{type: Worker}]}","apiVersion: hello.zeng.dev/v2\nkind: Foo\nmetadata: {name: a}\nstatus: {conditions: [{status: 'True'}]}"):
        for q in ("fieldManager=y","fieldManager=y&fieldValidation=Strict"):
            requests.append(("PATCH",V2+"/a?"+q,t,APPLY))
        requests.append(("PATCH",V2+"/a/status?fieldManager=y",t,APPLY))
        requests.append(("PATCH",V2+"/a/config?fieldManager=y",t,APPLY))
        requests.append(("PATCH",V2+"/newone?dryRun=All&fieldManager=y",t,APPLY))
    for q in ("fieldManager=","","fieldManager=x&force=x","fieldManager=x&force=false","fieldManager=x&force=","fieldManager=x&dryRun=No","fieldManager="+"x"*129,"fieldManager=x&fieldValidation=no","fieldManager=x&dryRun=All&dryRun=All"):
        requests.append(("PATCH",V2+"/a?"+q,json.dumps(foo()),APPLY))
    # One manager applies in one version, then in the other, and leaves something out.
    for name, extra in (("va", {"finalizers": ["orphan"]}), ("vb", {"annotations": None}), ("vc", {}), ("vd", {"labels": None}),
                        ("ve", {"labels": {"app": "web"}, "finalizers": ["example.com/hold"]})):
        for at, version, metadata in ((V1, "v1", extra), (V2, "v2", {"labels": {"app": "db"}}), (V1, "v1", {}), (V2, "v2", extra)):
            requests.append(("PATCH", f"{at}/{name}?fieldManager=one", json.dumps(foo(name, version, **metadata)), APPLY))
    for method, path, body, headers in requests:
        case.send(method, path, body, headers)


AREAS = (lists, paths, tables, patches, objects, deletions, subresources, yaml_bodies, applies, watches)


def scenarios(only, areas=AREAS):
    for area in areas:
        if only is None or only in area.__name__:
            case = Case()
            area(case)
            yield area.__name__, case.steps, False
